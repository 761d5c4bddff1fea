"""How much of the provider's token limits is left, and whether it is too little for more calls.

OpenAI says after each response how much is left of the minute (`rate_limits.updated`). A session
that has run into the limit fails its responses, and the caller hears silence: a new call is better
told at once that we are busy (operations, Defaults: below 15 % stop admitting). The limit is one
of the project and the model, and other services of the project use it too; so no news is no good
reason to refuse callers for longer than a minute.
"""

from __future__ import annotations

from typing import Final

LEAST: Final = 0.15
"""Share of the limit below which no new call is taken."""
SILENCE_LIMIT: Final = 60.0
"""Seconds without news after which calls are taken again: the limits are per minute."""
SHORTEST: Final = 5.0
"""Seconds without admission at least: a reset that is at hand, or not told, would open the door
before the live calls have taken their next turn."""
MODELS_LIMIT: Final = 64
"""Models that are told apart; what is configured has far fewer."""


class Headroom:
    """Remembers who is short of tokens, and for how long. Time is an argument.

    Args:
        least: share below which there is too little, 0 to 1; 0 switches this off.
    """

    def __init__(self, least: float = LEAST) -> None:
        self._least = least
        self._until: dict[str, float] = {}
        """By model, when its tokens are there again, Unix seconds."""

    def note(self, model: str, fraction: float, reset: float, now: float) -> bool:
        """Take the provider's word. Returns whether admission stops with it.

        Args:
            model: whose tokens.
            fraction: what is left, 0 to 1.
            reset: seconds until all is there again; 0: not told.
            now: Unix seconds.
        """
        was_low = self.is_low(now)
        is_short = fraction < self._least
        if is_short and (model in self._until or len(self._until) < MODELS_LIMIT):
            self._until[model] = now + min(max(reset, SHORTEST), SILENCE_LIMIT)
        elif not is_short:
            self._until.pop(model, None)
        return self.is_low(now) and not was_low

    def is_low(self, now: float) -> bool:
        """Tell whether there is too little for another call."""
        self._until = {model: until for model, until in self._until.items() if until > now}
        return bool(self._until)
