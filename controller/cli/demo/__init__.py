"""`controller simulate demo`: the service against the simulator, with thirty calls to watch.

The service runs as it does for real, in a process of its own with the example configuration; only
the far end is played. Every call is told as it happens; a table at the end says how each ended, and
the exit code is 0 only when each ended as its scenario expects, and the service as well.

    play      the calls, in their order
    service   the service in its process
    practice  the configuration that it runs with, and whether it is open
    questions what `controller explain` says of calls that nobody places
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from controller.errors import SimulatorError

if TYPE_CHECKING:
    import argparse

EXAMPLE = Path("deploy/example")

DESCRIPTION = """\
Start the service with the example configuration, play OpenAI and thirty callers,
and tell what happens, in little more than a minute: no account and no telephone is
needed. It goes the same at any hour: a copy of the configuration is open by an
override, later closed by one, and then on holiday, as an operator would do it.

The exit code is 0 only if every call ended as its scenario in
deploy/example/calls expects and the service stopped in good order.
"""


def register(parts: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `demo` to `controller simulate`."""
    import argparse

    demo = parts.add_parser(
        "demo",
        help="watch the service take calls, without an account or a telephone",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    demo.add_argument(
        "--example",
        type=Path,
        default=EXAMPLE,
        metavar="FOLDER",
        help="controller.toml with all files that it names, and the folder calls with scenarios"
        " (default: %(default)s)",
    )
    demo.add_argument(
        "--speed", type=float, default=8.0, metavar="N", help="talk N times as fast (%(default)s)"
    )
    demo.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Play the demo; 0 if all went as it should, 2 if there is nothing to play."""
    from controller.cli.demo.play import play

    if not (args.example / "controller.toml").is_file():
        print(
            f"error: {args.example}: no controller.toml there; run this from the repository's "
            "root, or name the folder with --example",
            file=sys.stderr,
        )
        return 2
    try:
        return asyncio.run(play(args.example, args.speed))
    except KeyboardInterrupt:
        return 130
    except SimulatorError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def terminal_width() -> int | None:
    """Return the columns of the terminal to which we print; None where it is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
