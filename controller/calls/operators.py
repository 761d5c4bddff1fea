"""What an operator may do to a live call: checked, counted, logged, and told to the call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import structlog

from controller.calls.runner import CallRunner
from controller.sansio.call import Obstacle
from controller.sansio.events import (
    HangUpRequested,
    InjectRequested,
    ReconfigureRequested,
    SayRequested,
    TransferRequested,
)

_log = structlog.get_logger()

Wish = SayRequested | InjectRequested | TransferRequested | ReconfigureRequested | HangUpRequested

_VERBS = {
    SayRequested: "say",
    InjectRequested: "inject",
    TransferRequested: "transfer",
    ReconfigureRequested: "reconfigure",
    HangUpRequested: "hangup",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an operator's wish is not passed on."""

    reason: Literal["no_call", "not_now", "too_many"] | Obstacle
    """There is no such call; it is not at a stage where it can; too much waits already; or what
    stands against a transfer."""
    known: tuple[str, ...] = ()
    """Names of the targets that there are."""


NO_CALL = Refusal("no_call")


def ask(runner: CallRunner | None, wish: Wish) -> Refusal | None:
    """Pass an operator's wish on to a call; return why not, if it cannot be.

    A hang-up is always possible while the call lives; for anything else caller and agent must talk.
    """
    if runner is None or runner.is_over:
        return NO_CALL
    if not isinstance(wish, HangUpRequested) and (refusal := _refusal(runner, wish)) is not None:
        return refusal
    verb = _VERBS[type(wish)]
    runner.record.operator_did(verb)
    _log.info(
        "operator",
        **runner.record.ids,
        verb=verb,
        target_name=wish.target if isinstance(wish, TransferRequested) else None,
        text=wish.text if isinstance(wish, SayRequested | InjectRequested) else None,
    )
    runner.tell(wish)
    return None


def _refusal(runner: CallRunner, wish: Wish) -> Refusal | None:
    """Say why caller and agent cannot be bothered with a wish; None: they can."""
    obstacle: Obstacle | None = None
    if isinstance(wish, TransferRequested):
        obstacle = runner.why_not_transfer(wish.target)
    if obstacle is not None and obstacle != "unknown_target":
        return Refusal(obstacle)  # said also while a transfer is on its way: it tells more
    if not runner.is_talking:
        return Refusal("not_now")
    if not runner.has_room:
        return Refusal("too_many")
    if obstacle is not None:
        return Refusal(obstacle, tuple(target.name for target in runner.agent.targets))
    return None
