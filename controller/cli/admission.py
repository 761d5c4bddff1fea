"""`controller pause | resume | drain`: whether the running service takes new calls."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from controller.cli import add_command
from controller.cli.control import ask

if TYPE_CHECKING:
    from controller.cli import Subparsers


def register(subparsers: Subparsers) -> None:
    """Add the three commands."""
    _add(
        subparsers,
        "pause",
        "reject new calls until `resume`",
        "Verified calls are answered 200 and rejected with [policy] draining; live calls go on.",
        lambda control: control.pause(),
    )
    _add(
        subparsers,
        "resume",
        "take new calls again",
        "Ends `pause`. There is no way back from `drain`.",
        lambda control: control.resume(),
    )
    _add(
        subparsers,
        "drain",
        "stop when the live calls have ended",
        "Does what SIGTERM does: new calls are rejected, and the service stops when its live calls"
        " have ended or [server] drain_timeout has passed.",
        lambda control: control.drain(),
    )


def _add(
    subparsers: Subparsers, name: str, text: str, description: str, question: Callable[[Any], Any]
) -> None:
    add_command(subparsers, name, lambda args: _run(args, question), text, description)


def _run(args: argparse.Namespace, question: Callable[[Any], Any]) -> int:
    answer = ask(args.config, question)
    print(f"{answer['state']}; live calls: {answer['live_calls']}")
    return 0
