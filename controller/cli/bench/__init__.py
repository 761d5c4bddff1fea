"""`controller bench`: measure the service, side by side with the floor, and print a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from controller.cli import Subparsers
    from controller.cli.bench.plan import Plan

_DESCRIPTION = """\
Measures `controller run` and the floor (tests/bench/floor.py, a bare aiohttp program
that only verifies, accepts, attaches and greets) against the same crowd of callers,
in the same run, in turn. The one that is measured has a core of its own, the crowd
another. Everything stays on the loopback; no account and no phone is needed.

docs/reference/benchmarks.md says what is measured and how.
"""


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    import argparse

    parser = subparsers.add_parser(
        "bench",
        help="measure the service beside a bare program, and print a table",
        description=_DESCRIPTION,
        epilog="exit codes: 0 measured, whether or not the targets were reached; 1 could not",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    extent = parser.add_mutually_exclusive_group()
    extent.add_argument(
        "--quick",
        action="store_const",
        const="quick",
        dest="extent",
        help="100 calls at 20 a second over plain TCP; under a minute",
    )
    extent.add_argument(
        "--full",
        action="store_const",
        const="full",
        dest="extent",
        help="100, 500 and 1,000 calls at 20 and 50 a second, over plain TCP and over TLS;"
        " about 15 minutes (default: 100 and 500 calls at 50 a second, both; about 3 minutes)",
    )
    parser.add_argument("--rounds", type=int, metavar="N", help="how often all of it is measured")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="also write every figure, as JSON"
    )
    parser.add_argument(
        "--floor", type=Path, metavar="FILE", help="the floor's program, for use outside a checkout"
    )
    parser.set_defaults(run=run, extent="usual")


def run(args: argparse.Namespace) -> int:
    """Do it.

    Raises:
        ControllerError: This machine cannot measure, or what is measured did not start.
    """
    import asyncio

    from controller.cli.bench import measure, report

    plan = _plan(args)
    result = asyncio.run(measure.measure(plan, note=lambda line: print(line, flush=True)))
    for line in report.table(result):
        print(line)
    if args.json is not None:
        args.json.write_text(report.as_json(result))
    return 0


def _plan(args: argparse.Namespace) -> Plan:
    from dataclasses import replace

    from controller.cli.bench.plan import PLANS, floor_program

    plan = PLANS[args.extent]
    if args.rounds is not None:
        plan = replace(plan, rounds=max(1, args.rounds))
    return replace(plan, floor=floor_program(args.floor))
