"""The command line: `controller COMMAND …`.

Each command is a small module of this package with two functions: `register` adds its parser, and
`run` does the work and returns the exit code. A module imports at its top only what its help text
needs; the rest it imports within `run`, so that `controller --help` starts at once.

Exit codes: 0 fine, 1 failure, 2 wrong usage or wrong configuration.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, cast

import controller

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# argparse has no public name for what add_subparsers() returns.
Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001

MODULES: Final = {
    "run": ("run",),
    "check": ("check",),
    "agents": ("agents",),
    "explain": ("explain",),
    "simulate": ("simulate",),
    "calls": ("calls",),
    "admission": ("pause", "resume", "drain"),
    "generations": ("reload", "generations"),
    "bench": ("bench",),
}
"""Modules of this package and their commands, in the order of the help text. A module that is not
there brings no command."""

_DESCRIPTION: Final = """\
Answers phone calls with OpenAI's models: takes the webhook of a ringing call, decides,
accepts it, drives the conversation and ends it.
"""

_EPILOG: Final = """\
environment:
  OPENAI_API_KEY          key of the project that owns the webhook and the SIP address
  OPENAI_WEBHOOK_SECRET   one or more whsec_... secrets, separated by spaces or commas
  OPENAI_BASE_URL         address of the API, https://api.openai.com/v1 by default
  CONTROLLER_CONFIG       path of controller.toml; --config overrides it
  CONTROLLER_...__...     any setting: [server] port is CONTROLLER_SERVER__PORT

exit codes: 0 fine, 1 failure, 2 wrong usage or wrong configuration
"""


class Command(Protocol):
    """What a module of this package offers."""

    def register(self, subparsers: Subparsers) -> None:
        """Add one or more parsers, each with `set_defaults(run=run)`."""


def build_parser(chosen: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of the command line.

    Args:
        chosen: The command, where it is known already: the modules of the others are not imported.
    """
    parser = argparse.ArgumentParser(
        prog="controller",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version", action="version", version=f"controller {controller.__version__}"
    )
    subparsers = parser.add_subparsers(
        title="commands", metavar="COMMAND", dest="command", required=True
    )
    for command in _commands(chosen):
        command.register(subparsers)
    return parser


def add_config_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--config`, as every command has it that reads the configuration."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="PATH",
        help="path of controller.toml (default: $CONTROLLER_CONFIG, else ./controller.toml)",
    )


def add_command(
    subparsers: Subparsers,
    name: str,
    run: Callable[[argparse.Namespace], int],
    summary: str,
    description: str,
) -> argparse.ArgumentParser:
    """Add the parser of a command that reads the configuration, and return it."""
    parser = subparsers.add_parser(name, help=summary, description=description, allow_abbrev=False)
    add_config_argument(parser)
    parser.set_defaults(run=run)
    return parser


def _commands(chosen: str | None) -> Iterator[Command]:
    known = any(chosen in commands for commands in MODULES.values())
    for name, commands in MODULES.items():
        if known and chosen not in commands:
            continue
        module = f"{__name__}.{name}"
        if importlib.util.find_spec(module) is not None:
            yield cast("Command", importlib.import_module(module))
