"""What the call's machine must know of its agent, as values that are stored with the call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from controller.sansio.agent import Agent, Filler, Keypad, Target

HOURS_AHEAD = 7200.0
"""Seconds for which opening hours are worked out when a call begins: no call lasts as long."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long each step may last, in seconds.

    Those of requests are longer than the time limits of the clients, which normally answer first:
    here they make sure that deadlines alone finish every call.
    """

    decision: float = 2.0
    request: float = 12.0
    """For an answer, a rejection, a referral or a hang-up to come back."""
    answer_retry: float = 0.3
    """Before the one retry of an answer that could not be sent."""
    attach: float = 8.0
    """From the answer to an open channel, over all attempts."""
    attach_try: float = 6.0
    """For one attempt to come back."""
    session: float = 5.0
    """From an open channel to a proven session."""
    reattach: float = 30.0
    """From a lost channel to the end of the attempts (rule 12)."""
    words: float = 50.0
    """For last words to be spoken and heard, if the turn machine says nothing. Longer than its own
    longest wait for playback, which would otherwise never be reached."""
    menu_words: float = 8.0
    """For the words that a key of the menu is followed by: the model may be stuck."""
    losses: int = 10
    losses_within: float = 60.0
    """So many losses of a proven channel within so many seconds, and it counts as lost for good."""
    refer: float = 35.0
    """For the caller to leave after a referral, and between two referrals (rule 10)."""
    hang_up_retry: float = 1.0
    hang_up_tries: int = 3
    session_length: float = 3480.0
    """From the answer to the goodbye, whatever the agent's own limit: the provider ends a session
    after an hour (operations, Defaults: hard stop at 58 min)."""
    confirm_end: bool = False
    """Hang up after the caller has left by all appearances: no limit of time, but what such a step
    may cost."""
    tool_calls: int = 1000
    """Of one call; more are answered with an error, and none of them is remembered."""


@dataclass(frozen=True, slots=True)
class ToolTerms:
    """What the machine must know of a tool."""

    name: str
    on_duplicate: Literal["run", "reuse", "refuse"] = "run"
    speak_while_waiting: bool = True


@dataclass(frozen=True, slots=True)
class TargetTerms:
    """A target, and when it may be called during this call."""

    name: str
    uri: str = field(repr=False)
    next: tuple[str, ...] = ()
    windows: tuple[tuple[float, float], ...] | None = None
    """From and until, Unix seconds; None: always."""

    def is_open(self, now: float) -> bool:
        """Tell whether it may be called now."""
        return self.windows is None or any(start <= now < end for start, end in self.windows)


@dataclass(frozen=True, slots=True)
class Terms:
    """What the call's machine must know of the agent. Stored with the call."""

    agent: str = ""
    greeting: str | None = None
    greeting_is_verbatim: bool = False
    disclosure: str | None = None
    built_in: frozenset[str] = frozenset()
    """The tools that are ours and that the model may call; others of ours are unknown to it."""
    tools: tuple[ToolTerms, ...] = ()
    filler: Filler | None = None
    targets: tuple[TargetTerms, ...] = ()
    offered: frozenset[str] = frozenset()
    """Names of the targets that the model may choose."""
    returned_from: frozenset[str] = frozenset()
    """Names of the targets that have just sent this caller back: only an operator sends them there
    again (operations, O6)."""
    fallback: str | None = None
    """Name of a target."""
    colleagues: frozenset[str] = frozenset()
    keypad: Keypad = field(default_factory=Keypad)
    awaited: float = 90.0
    """Seconds of silence that `wait_for_caller` allows."""
    approved: frozenset[tuple[str, str]] = frozenset()
    """MCP server and tool."""
    max_duration: float = 1800.0
    warn_before: float = 120.0
    at_the_end: Literal["goodbye", "transfer"] = "goodbye"
    hands_on: bool = False
    capacity_code: int = 503
    """SIP code where the provider is full or does not take our answer."""
    limits: Limits = field(default_factory=Limits)

    def tool(self, name: str) -> ToolTerms:
        """Return the terms of a tool; the usual ones for one that the agent does not declare."""
        return next((each for each in self.tools if each.name == name), ToolTerms(name))

    def target(self, name: str | None) -> TargetTerms | None:
        """Return the target of that name, None where there is none."""
        return next((each for each in self.targets if each.name == name), None)


def terms_of(
    agent: Agent,
    *,
    now: float,
    capacity_code: int = 503,
    limits: Limits | None = None,
    returned_from: frozenset[str] = frozenset(),
) -> Terms:
    """Return the terms of a call that an agent answers.

    Args:
        agent: who answers.
        now: Unix seconds; opening hours are worked out from here.
        capacity_code: SIP code where the provider is full.
        limits: of each step.
        returned_from: names of targets that have just sent the caller back; they are not offered
            again (operations, O6).
    """
    return Terms(
        agent=agent.name,
        greeting=agent.greeting or None,
        greeting_is_verbatim=agent.greeting_is_verbatim,
        disclosure=agent.disclosure or None,
        built_in=agent.built_in,
        tools=tuple(
            ToolTerms(each.name, each.on_duplicate, each.speak_while_waiting)
            for each in agent.tools
        ),
        filler=agent.filler,
        targets=tuple(_target(each, now) for each in agent.targets),
        offered=frozenset(agent.offered) - returned_from,
        returned_from=returned_from,
        fallback=agent.fallback,
        colleagues=frozenset(each.name for each in agent.colleagues),
        keypad=agent.keypad,
        awaited=agent.silence.awaited,
        approved=frozenset(
            (server.label, name) for server in agent.mcp for name in server.approved_tools
        ),
        max_duration=agent.max_duration,
        warn_before=agent.warn_before,
        at_the_end=agent.at_the_end,
        hands_on=agent.hands_on,
        capacity_code=capacity_code,
        limits=limits or Limits(),
    )


def _target(target: Target, now: float) -> TargetTerms:
    windows = None if target.hours is None else target.hours.windows(now, HOURS_AHEAD)
    return TargetTerms(target.name, target.uri, target.next, windows)
