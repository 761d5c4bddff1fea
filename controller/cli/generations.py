"""`controller reload` and `controller generations …`: what answers new calls."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, Final

from controller.cli import add_command, add_config_argument
from controller.cli.control import ask

if TYPE_CHECKING:
    from controller.cli import Subparsers

_COLUMNS: Final = ("hash", "state", "live_calls", "since", "by", "changed")


def register(subparsers: Subparsers) -> None:
    """Add both commands."""
    reload = subparsers.add_parser(
        "reload",
        help="have the running service load its configuration again",
        description="Has the running service read controller.toml, agents, tools and lists again,"
        " check them beside what runs, and take new calls with them. Live calls keep what they"
        " began with. Where there is a mistake everything stays as it is, and each is printed."
        " SIGHUP does the same without an answer.",
        epilog="exit codes: 0 taken over, or nothing has changed; 1 not taken over; 2 the"
        " configuration does not say where the service is",
        allow_abbrev=False,
    )
    add_config_argument(reload)
    reload.set_defaults(run=run_reload)
    generations = subparsers.add_parser(
        "generations",
        help="list what has answered calls, or go back to it",
        description="A generation is everything that decides how calls are answered, as it was"
        " loaded at one moment; its hash stands in the record of each call. The last eight are"
        " kept, those with live calls, and the last one that is known to work.",
        allow_abbrev=False,
    )
    parts = generations.add_subparsers(
        title="commands", metavar="COMMAND", dest="part", required=True
    )
    listing = add_command(
        parts,
        "list",
        run_list,
        "list the generations that are kept",
        "Lists them, the one that was current last first: hash; state (current, good: one of its"
        " calls had a session, unhealthy: given up because its calls failed, or old); live calls;"
        " since when and through whom it was current; what differed from the one before.",
    )
    listing.add_argument("--json", action="store_true", help="print JSON")
    activate = add_command(
        parts,
        "activate",
        run_activate,
        "have new calls take one of them",
        "Has new calls take a generation that is kept, an unhealthy one too. The files stay as they"
        " are: the next reload takes what they say.",
    )
    activate.add_argument(
        "prefix",
        type=_prefix,
        metavar="HASH",
        help="its hash, or as much of it as no other one begins with",
    )


def _prefix(text: str) -> str:
    if not text.isalnum():
        raise argparse.ArgumentTypeError("must be the beginning of a hash, such as 81975d")
    return text


def run_reload(args: argparse.Namespace) -> int:
    """Have the configuration loaded again.

    Raises:
        ControlError: The service cannot be asked, or keeps what runs.
    """
    from controller.errors import ControlError

    done = ask(args.config, lambda control: control.reload())
    for sentence in done["warnings"]:
        print(f"warning: {sentence}")
    if done["problems"]:
        raise ControlError("\n".join([f"generation {done['hash']} stays", *done["problems"]]))
    print(_said(done))
    return 0


def run_activate(args: argparse.Namespace) -> int:
    """Have new calls take a generation that is kept.

    Raises:
        ControlError: The service cannot be asked, or it is not clear which one is meant.
    """
    print(_said(ask(args.config, lambda control: control.activate(args.prefix))))
    return 0


def run_list(args: argparse.Namespace) -> int:
    """List the generations that are kept.

    Raises:
        ControlError: The service cannot be asked.
    """
    import json

    found = ask(args.config, lambda control: control.generations())
    if args.json:
        print(json.dumps(found, indent=2))
        return 0
    rows = [_COLUMNS, *map(_row, found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(map(str.ljust, row, widths)).rstrip())
    return 0


def _said(done: dict[str, Any]) -> str:
    if done["result"] == "unchanged":
        return f"nothing has changed; generation {done['hash']} answers new calls"
    changed = f"; changed: {', '.join(done['changed'])}" if done["changed"] else ""
    return f"generation {done['hash']} answers new calls{changed}"


def _row(found: dict[str, Any]) -> tuple[str, ...]:
    from datetime import UTC, datetime

    since = datetime.fromtimestamp(float(found["since"]), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    changed = ", ".join(found["changed"]) or "-"
    return (
        found["hash"], found["state"], str(found["live_calls"]), since, found["by"], changed
    )  # fmt: skip
