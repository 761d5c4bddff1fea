"""`controller run`: answer calls until somebody asks for the end."""

from __future__ import annotations

import argparse
import contextlib
import functools
from typing import TYPE_CHECKING, Any

from controller.cli import add_config_argument

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.cli import Subparsers
    from controller.config import Generation
    from controller.settings import Settings


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "run",
        help="answer calls",
        description="Takes the webhooks of ringing calls, decides, accepts, drives and ends them."
        " Prints one line when it is ready. SIGTERM (or SIGINT, or `controller drain`) drains: new"
        " calls are rejected, live ones go on until they end or drain_timeout has passed. A second"
        " one hangs up and stops at once. SIGHUP (or `controller reload`) loads the configuration"
        " again: new calls take it, live ones keep what they began with.",
        epilog="exit codes: 0 stopped as asked, 1 could not start, 2 wrong configuration",
        allow_abbrev=False,
    )
    add_config_argument(parser)
    parser.add_argument("--host", help="address to listen on; overrides [server] host")
    parser.add_argument(
        "--port", type=int, help="port to listen on, 0 for a free one; overrides [server] port"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do it.

    Raises:
        ConfigurationError: Names every mistake.
        ControllerError: The service cannot start.
    """
    import asyncio

    from controller.settings import load_all

    overrides = _overrides(args)
    settings, generation = load_all(args.config, overrides=overrides)
    _configure_logs(settings)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        load = functools.partial(load_all, args.config, overrides=overrides)
        runner.run(_serve(settings, generation, load))
    return 0


def _overrides(args: argparse.Namespace) -> dict[str, Any] | None:
    from controller.errors import ConfigurationError
    from controller.settings import load_settings

    given = {"host": args.host, "port": args.port}
    server = {name: value for name, value in given.items() if value is not None}
    if not server:
        return None
    # The other commands have no --host and no --port, and must find the same control socket.
    with contextlib.suppress(ConfigurationError):  # it is reported with all the others
        configured = load_settings(args.config, with_secrets=False).server
        server["control_socket"] = str(configured.control_socket.absolute())
    return {"server": server}


def _configure_logs(settings: Settings) -> None:
    import sys

    from controller import logs

    default: logs.Format = "console" if sys.stderr.isatty() else "json"
    logs.configure(
        form=settings.log.format or default,
        level=settings.log.level,
        show_numbers=settings.log.show_numbers,
        show_speech=settings.log.show_speech,
    )


def _loop_factory() -> Any:
    """Return uvloop's: an idle TLS connection takes 60 KiB on it, 310 KiB on asyncio's own."""
    import importlib.util

    if importlib.util.find_spec("uvloop") is None:  # not made for this platform
        return None
    return importlib.import_module("uvloop").new_event_loop


async def _serve(
    settings: Settings,
    generation: Generation,
    load: Callable[[], tuple[Settings, Generation]],
) -> None:
    import asyncio
    import faulthandler
    import signal

    from controller import app

    faulthandler.enable()  # the watchdog's SIGABRT then leaves a stack dump in the journal
    loop = asyncio.get_running_loop()
    app.watch_loop(loop)
    manager = app.manager_of_environment()
    service = app.Service(settings, generation, manager=manager, load=load)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, service.request_stop)
    # A terminal that closes sends it too: nothing has changed then, and no caller loses the line.
    loop.add_signal_handler(signal.SIGHUP, service.request_reload)
    await service.run(lambda line: print(line, flush=True))
