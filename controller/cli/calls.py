"""`controller calls …`: the calls of the running service, and what an operator may do to them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, Final

from controller.cli import add_command
from controller.cli.control import ask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from controller.cli import Subparsers

_COLUMNS: Final = (
    "call_id", "state", "agent", "caller", "called", "age", "cost_usd", "sip_call_id",
)  # fmt: skip
_MESSAGE_COLUMNS: Final = ("received_at", "urgency", "number", "name", "call_id", "reason")
_DEFAULT_MESSAGES: Final = 100
_MOST_MESSAGES: Final = 1000
_LIMIT_DIGITS: Final = len(str(_MOST_MESSAGES))
_TEXT_LIMIT: Final = 4000
"""Characters; the service says the same of a longer text."""


def register(subparsers: Subparsers) -> None:
    """Add the command and its parts."""
    calls = subparsers.add_parser(
        "calls",
        help="list, steer or hang up the live calls of the running service",
        description="Talks to the running service over its control socket. What an operator does"
        " to a call is logged, and counted in the call's record.",
        allow_abbrev=False,
    )
    parts = calls.add_subparsers(title="commands", metavar="COMMAND", dest="part", required=True)
    live = add_command(
        parts,
        "live",
        run_live,
        "list the live calls",
        "Lists the live calls, the oldest first: id, state, agent, last four digits of caller and"
        " called number, age in seconds, cost so far in USD, the carrier's Call-ID.",
    )
    live.add_argument("--json", action="store_true", help="print JSON")
    _register_steering(parts)
    _register_messages(parts)


def _register_steering(parts: Subparsers) -> None:
    at_once = " Returns as soon as the service has passed it on to the call."
    say = add_command(
        parts,
        "say",
        run_say,
        "have the agent say something",
        "Has the agent of a call say something next, before anything else that waits. TEXT is an"
        " instruction, which the model puts into its own words and into the caller's language;"
        " with --verbatim it is the words themselves." + at_once,
    )
    _add_call(say)
    _add_text(say)
    say.add_argument("--verbatim", action="store_true", help="say exactly these words")
    inject = add_command(
        parts,
        "inject",
        run_inject,
        "tell the model something that the caller does not hear",
        "Adds TEXT to the conversation as a note that only the model reads. It does not make the"
        " model speak." + at_once,
    )
    _add_call(inject)
    _add_text(inject)
    transfer = add_command(
        parts,
        "transfer",
        run_transfer,
        "transfer the caller to a target",
        "Sends the caller to a target of the agent's, after an announcement. TARGET is its name in"
        " controller.toml; an unknown one is answered with those that there are. The target's"
        " opening hours are not asked." + at_once,
    )
    _add_call(transfer)
    transfer.add_argument("target", metavar="TARGET", help="name of a target of the agent's")
    hangup = add_command(
        parts,
        "hangup",
        run_hangup,
        "end a call",
        "Ends a live call, at any stage. Returns as soon as the service has begun to.",
    )
    _add_call(hangup)


def _register_messages(parts: Subparsers) -> None:
    messages = add_command(
        parts,
        "messages",
        run_messages,
        "list the messages that callers left",
        "Lists the newest messages that callers left with the agents, the oldest of them first."
        " Names, numbers and words are shown whole: to call back is what they are for.",
    )
    messages.add_argument(
        "--limit",
        type=_limit,
        default=_DEFAULT_MESSAGES,
        metavar="N",
        help="how many at most, 1 to 1000 (default: %(default)s)",
    )
    messages.add_argument("--json", action="store_true", help="print JSON")


def _add_call(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("call_id", metavar="ID", help="the call_id, as `calls live` prints it")


def _add_text(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "text",
        metavar="TEXT",
        help="at most 4000 characters; - reads it from standard input, so that it is in no history"
        " of commands",
    )


def run_live(args: argparse.Namespace) -> int:
    """List the live calls.

    Raises:
        ControlError: The service cannot be asked.
    """
    import time

    calls = ask(args.config, lambda control: control.calls())
    now = time.time()
    return _print(calls, _COLUMNS, lambda call: _row(call, now), "no live calls", args)


def run_messages(args: argparse.Namespace) -> int:
    """List the messages that callers left.

    Raises:
        ControlError: The service cannot be asked.
    """
    messages = ask(args.config, lambda control: control.messages(args.limit))
    return _print(messages, _MESSAGE_COLUMNS, _message_row, "no messages", args)


def run_say(args: argparse.Namespace) -> int:
    """Have the agent of a call say something.

    Raises:
        ControlError: The text is empty, the service cannot be asked, knows no such call, or it is
            not the time.
    """
    text = _text(args.text)
    ask(args.config, lambda control: control.say(args.call_id, text, verbatim=args.verbatim))
    print(f"saying it in {args.call_id}")
    return 0


def run_inject(args: argparse.Namespace) -> int:
    """Tell the model of a call something.

    Raises:
        ControlError: The text is empty, the service cannot be asked, knows no such call, or it is
            not the time.
    """
    text = _text(args.text)
    ask(args.config, lambda control: control.inject(args.call_id, text))
    print(f"told the model of {args.call_id}")
    return 0


def run_transfer(args: argparse.Namespace) -> int:
    """Transfer the caller to a target.

    Raises:
        ControlError: The service cannot be asked, knows no such call or no such target.
    """
    ask(args.config, lambda control: control.transfer(args.call_id, args.target))
    print(f"transferring {args.call_id} to {args.target}")
    return 0


def run_hangup(args: argparse.Namespace) -> int:
    """End a call.

    Raises:
        ControlError: The service cannot be asked, or knows no such call.
    """
    ask(args.config, lambda control: control.hang_up(args.call_id))
    print(f"hanging up {args.call_id}")
    return 0


def _text(given: str) -> str:
    """Return the text, from standard input where it is `-`: not more of it than can be sent."""
    import sys

    from controller.errors import ControlError

    text = sys.stdin.read(_TEXT_LIMIT + 1).strip() if given == "-" else given
    if not text.strip():
        raise ControlError("TEXT is empty; nothing was sent")
    return text


def _limit(text: str) -> int:
    limit = int(text) if text.isascii() and text.isdecimal() and len(text) <= _LIMIT_DIGITS else 0
    if not 1 <= limit <= _MOST_MESSAGES:
        raise argparse.ArgumentTypeError(f"must be 1 to {_MOST_MESSAGES}")
    return limit


def _print(
    found: list[dict[str, Any]],
    columns: Sequence[str],
    row: Callable[[dict[str, Any]], tuple[str, ...]],
    nothing: str,
    args: argparse.Namespace,
) -> int:
    import json

    if args.json:
        print(json.dumps(found, indent=2))
    elif not found:
        print(nothing)
    else:
        for line in _table([tuple(columns), *map(row, found)]):
            print(line)
    return 0


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _row(call: dict[str, Any], now: float) -> tuple[str, ...]:
    age = f"{max(0.0, now - float(call.get('received_at') or now)):.0f}"
    cost = call.get("cost_usd")
    shown = call | {"age": age, "cost_usd": None if cost is None else f"{float(cost):.4f}"}
    return tuple(_cell(shown.get(column)) for column in _COLUMNS)


def _message_row(message: dict[str, Any]) -> tuple[str, ...]:
    from datetime import UTC, datetime

    at = datetime.fromtimestamp(float(message["received_at"]), UTC)
    shown = message | {"received_at": at.strftime("%Y-%m-%dT%H:%M:%SZ")}
    return tuple(_cell(shown.get(column)) for column in _MESSAGE_COLUMNS)


def _cell(value: object) -> str:
    # A Call-ID and a message are a stranger's text; a terminal gets nothing that could move it.
    text = "-" if value is None else " ".join(str(value).split())
    return text if text.isprintable() else "?"
