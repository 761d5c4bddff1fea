"""`controller calls live | hangup`: the calls of the running service."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, Final

from controller.cli import add_config_argument
from controller.cli.control import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.cli import Subparsers

_COLUMNS: Final = ("call_id", "state", "agent", "caller", "called", "age", "sip_call_id")


def register(subparsers: Subparsers) -> None:
    """Add the command and its parts."""
    calls = subparsers.add_parser(
        "calls",
        help="list or hang up the live calls of the running service",
        description="Talks to the running service over its control socket.",
        allow_abbrev=False,
    )
    parts = calls.add_subparsers(title="commands", metavar="COMMAND", dest="part", required=True)
    live = parts.add_parser(
        "live",
        help="list the live calls",
        description="Lists the live calls, the oldest first: id, state, agent, last four digits of"
        " caller and called number, age in seconds, the carrier's Call-ID.",
        allow_abbrev=False,
    )
    add_config_argument(live)
    live.add_argument("--json", action="store_true", help="print JSON")
    live.set_defaults(run=run_live)
    hangup = parts.add_parser(
        "hangup",
        help="end a call",
        description="Ends a live call. Returns as soon as the service has begun to.",
        allow_abbrev=False,
    )
    add_config_argument(hangup)
    hangup.add_argument("call_id", metavar="ID", help="the call_id, as `calls live` prints it")
    hangup.set_defaults(run=run_hangup)


def run_live(args: argparse.Namespace) -> int:
    """List the live calls.

    Raises:
        ControlError: The service cannot be asked.
    """
    import json
    import time

    calls = ask(args.config, lambda control: control.calls())
    if args.json:
        print(json.dumps(calls, indent=2))
        return 0
    if not calls:
        print("no live calls")
        return 0
    for line in _table(calls, time.time()):
        print(line)
    return 0


def run_hangup(args: argparse.Namespace) -> int:
    """End a call.

    Raises:
        ControlError: The service cannot be asked, or knows no such call.
    """
    ask(args.config, lambda control: control.hang_up(args.call_id))
    print(f"hanging up {args.call_id}")
    return 0


def _table(calls: list[dict[str, Any]], now: float) -> Iterator[str]:
    rows = [_COLUMNS, *(_row(call, now) for call in calls)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _row(call: dict[str, Any], now: float) -> tuple[str, ...]:
    age = f"{max(0.0, now - float(call.get('received_at') or now)):.0f}"
    shown = call | {"age": age}
    return tuple(_cell(shown.get(column)) for column in _COLUMNS)


def _cell(value: object) -> str:
    # A Call-ID is a stranger's text; it is visible ASCII, and a terminal gets nothing else.
    text = "-" if value is None else str(value)
    return text if text.isprintable() else "?"
