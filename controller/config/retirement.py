"""Models that OpenAI has announced to shut down, each with its last day.

Source: OpenAI's deprecations page and the SDK's docstring of `call_accept_params`, as read in
November 2026. Nothing here reads a clock: whoever is told the day can read a calendar.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.config.document import KeyPath
    from controller.sansio.agent import Agent


@dataclass(frozen=True, slots=True)
class Retirement:
    """The end of some models."""

    models: tuple[str, ...]
    """Names; one that ends with `*` stands for all that begin so."""
    on: date | None
    """The day from which they answer no more; None: they do not already."""
    instead: str
    """Names of those that follow."""

    def concerns(self, model: str) -> bool:
        """Tell whether a model is among them."""
        return any(
            model.startswith(name[:-1]) if name.endswith("*") else model == name
            for name in self.models
        )


RETIREMENTS: Final = (
    Retirement(
        (
            "gpt-realtime",
            "gpt-realtime-2025-08-28",
            "gpt-realtime-mini",
            "gpt-realtime-mini-2025-12-15",
            "gpt-audio-mini*",
        ),
        date(2027, 1, 20),
        "gpt-realtime-2.1 or gpt-realtime-2.1-mini",
    ),
    Retirement(
        (
            "whisper-1",
            "gpt-4o-transcribe",
            "gpt-4o-mini-transcribe*",
            "gpt-4o-transcribe-diarize",
        ),
        date(2027, 2, 26),
        "gpt-transcribe or gpt-live-transcribe",
    ),
    Retirement(("gpt-4o-realtime-preview*",), None, "gpt-realtime-2.1"),
)


def retiring(agent: Agent) -> Iterator[tuple[KeyPath, str]]:
    """Yield key and sentence of each model of an agent whose end is known."""
    models: dict[KeyPath, str] = {("model",): agent.model}
    if agent.transcription is not None:
        models["transcription", "model"] = agent.transcription["model"]
    for path, model in models.items():
        for each in RETIREMENTS:
            if each.concerns(model):
                end = f"ends on {each.on.isoformat()}" if each.on else "has ended"
                yield path, f"{model!r} {end}; use {each.instead}"
