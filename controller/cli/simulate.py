"""`controller simulate`: stand-ins for the outside world, on a port of their own."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
import os
import re
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from controller.errors import SimulatorError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from controller.cli import Subparsers
    from controller.simulator import OpenAISimulator, Scenario, SimulatedCall

_SECONDS_TO_COME_UP = 30.0
_RETRY_OFFSETS = (5.0,)  # OpenAI goes on for 72 h; somebody waits for this command
_HIGHEST_PORT = 65_535
_SECONDS_TO_LINGER = 1.0
"""A service whose sideband closed asks once more, and a 404 tells it that the call is over. Nobody
there would look like a lost network, and it would go on asking for half a minute."""

_OPENAI = """\
Play OpenAI's Realtime SIP side: deliver signed webhooks, answer accept, reject,
refer and hangup, and play the sideband with a scripted caller and model.

Start the service with OPENAI_BASE_URL set to the address that is printed, and the
same OPENAI_API_KEY and OPENAI_WEBHOOK_SECRET. With scenario files their calls are
placed as soon as the service listens, one after the other, and the exit code says
whether every expectation held. Without files, each line that you type places a
call without a script.
"""


def register(subparsers: Subparsers) -> None:
    """Add the command and its parts."""
    from controller.cli import demo

    simulate = subparsers.add_parser(
        "simulate",
        help="play OpenAI and the callers, without an account and without a phone",
        description="Stand-ins for the outside world, each on a port of its own.",
        allow_abbrev=False,
    )
    parts = simulate.add_subparsers(dest="part", required=True, metavar="WHAT")
    openai = parts.add_parser(
        "openai",
        help="play OpenAI's Realtime SIP side",
        description=_OPENAI,
        epilog="exit codes: 0 every expectation held, 1 one did not, 2 a scenario is wrong",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_wire_arguments(openai)
    _add_call_arguments(openai)
    openai.set_defaults(run=run)
    demo.register(parts)


def _add_wire_arguments(openai: argparse.ArgumentParser) -> None:
    openai.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    openai.add_argument("--port", type=_port, default=8090, help="port, 0 for any (%(default)s)")
    openai.add_argument(
        "--webhook-url",
        metavar="URL",
        default="http://127.0.0.1:8080/openai/webhook",
        help="where the service takes deliveries (%(default)s)",
    )
    openai.add_argument(
        "--secret",
        action="append",
        metavar="WHSEC",
        help="signing secret, repeat for a rotation (default: $OPENAI_WEBHOOK_SECRET)",
    )
    openai.add_argument("--api-key", metavar="KEY", help="key to expect (default: $OPENAI_API_KEY)")


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > _HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; must be 0 to {_HIGHEST_PORT}")
    return int(text)


def _add_call_arguments(openai: argparse.ArgumentParser) -> None:
    openai.add_argument(
        "--scenario",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help="scenario files (docs/reference/scenarios.md); each places a call",
    )
    openai.add_argument(
        "--together", action="store_true", help="place all calls at once, not one by one"
    )
    openai.add_argument(
        "--speed", type=float, default=1.0, metavar="N", help="talk N times as fast (%(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Run the stand-in; 0 only if every expectation held, 2 for a scenario that is wrong."""
    from controller.simulator import load

    try:
        scenarios = [load(path) for path in args.scenario]
        simulator = _simulator(args)
    except SimulatorError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return asyncio.run(_play(simulator, scenarios, args))


def _simulator(args: argparse.Namespace) -> OpenAISimulator:
    from controller.simulator import DEFAULT_API_KEY, DEFAULT_SECRET, OpenAISimulator, Pace

    if not 0 < args.speed < math.inf:
        raise SimulatorError("--speed must be a number above 0")
    if not _is_web_address(args.webhook_url):
        raise SimulatorError(
            f"--webhook-url: {args.webhook_url} is no address; write http://HOST:PORT/openai/webhook"
        )
    variable = os.environ.get("OPENAI_WEBHOOK_SECRET", "").replace(",", " ").split()
    try:
        return OpenAISimulator(
            args.webhook_url,
            secrets=args.secret or variable or [DEFAULT_SECRET],
            api_key=args.api_key or os.environ.get("OPENAI_API_KEY") or DEFAULT_API_KEY,
            pace=Pace().times(1 / args.speed),
            retry_offsets=_RETRY_OFFSETS,
        )
    except SimulatorError as error:
        giver = "--secret" if args.secret else "OPENAI_WEBHOOK_SECRET"
        raise SimulatorError(f"{giver}: {error}") from None


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        return False


async def _play(
    simulator: OpenAISimulator, scenarios: list[Scenario], args: argparse.Namespace
) -> int:
    try:
        await simulator.start(args.host, args.port)
    except OSError as error:
        # asyncio's own words name the address again; a host without an address has no errno.
        number = error.errno or 0
        reason = os.strerror(number) if number > 0 else error.strerror
        where = f"{args.host} port {args.port}"
        return _fail(f"cannot listen on {where}: {reason}; choose with --host and --port")
    try:
        _print(f"OPENAI_BASE_URL={simulator.base_url}")
        if not scenarios:
            await _by_hand(simulator)
            return 0
        if not await _is_up(args.webhook_url):
            return _fail(
                f"nothing listens at {args.webhook_url}; start `controller run` with the "
                "OPENAI_BASE_URL above, or name another address with --webhook-url"
            )
        return await _play_all(simulator, scenarios, together=args.together)
    finally:
        await _let_go(simulator)
        await simulator.stop()


def _fail(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 1


async def _play_all(
    simulator: OpenAISimulator, scenarios: list[Scenario], *, together: bool
) -> int:
    from controller.simulator.advice import advice
    from controller.simulator.timeline import summary

    calls = await _place(simulator, scenarios, together=together)
    _print("")
    for line in [*summary(calls), *advice(calls)]:
        _print(line)
    return 1 if any(call.verdict() for call in calls) else 0


async def _let_go(simulator: OpenAISimulator) -> None:
    """End the calls that are left, and stay until the service knows that all are over."""
    from controller.simulator.ending import EndedBy, Ending

    for call in simulator.calls.values():
        call.end(Ending(EndedBy.STOPPED))
    await _linger(simulator.calls.values())


async def _linger(calls: Iterable[SimulatedCall]) -> None:
    """Wait until the service has asked for each call that it did not end itself."""
    from controller.simulator.advice import knows_the_end

    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + _SECONDS_TO_LINGER
    while loop.time() < give_up_at:
        if all(map(knows_the_end, calls)):
            return
        await asyncio.sleep(0.02)


async def _place(
    simulator: OpenAISimulator, scenarios: list[Scenario], *, together: bool
) -> list[SimulatedCall]:
    from controller.cli.demo import terminal_width
    from controller.simulator.timeline import Timeline

    timeline = Timeline(_print, in_colour=sys.stdout.isatty(), width=terminal_width())
    simulator.on_entry(timeline)
    calls: list[SimulatedCall] = []
    for scenario in scenarios:
        if calls and not together:
            _print("")
        call = await simulator.place_call(scenario)
        timeline.name(call)
        if scenario.operator:
            _print(
                "The operator is you; without these, with the call_id of `calls live`, it fails:"
            )
            for line in _commands(scenario):
                _print(f"    {line}")
        calls.append(call)
        if not together:
            await call.settled()
            await _linger([call])
    for call in calls:
        await call.settled()
    return calls


def _commands(scenario: Scenario) -> Iterator[str]:
    """Yield what an operator types for a scenario; only the service can do it."""
    verbs = {
        "says": "say --verbatim ID",
        "instructs": "say ID",
        "tells": "inject ID",
        "transfers": "transfer ID",
        "hangs_up": "hangup ID",
    }
    for step in scenario.operator:
        when = [f'once the caller heard "{step.hears}"'] if step.hears else []
        when += [f"after {step.after:g} s"] if step.after else []
        for name, text in step.acts:
            command = f"controller calls {verbs[name]} {shlex.quote(text) if text else ''}".rstrip()
            yield f"{command}   # {', '.join(when)}" if when else command


async def _by_hand(simulator: OpenAISimulator) -> None:
    """Place a call for each line on standard input, until it ends or a signal comes."""
    from controller.cli.demo import terminal_width
    from controller.simulator.timeline import Timeline

    simulator.on_entry(Timeline(_print, in_colour=sys.stdout.isatty(), width=terminal_width()))
    _print("Press Enter to place a call, Ctrl-C to stop.")
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    lines: asyncio.Queue[str] = asyncio.Queue(maxsize=100)

    def read() -> None:
        line = sys.stdin.readline()
        if line and not lines.full():
            lines.put_nowait(line)
        elif not line:
            loop.remove_reader(sys.stdin)

    with contextlib.suppress(OSError, ValueError):  # no terminal and no pipe: signals only
        loop.add_reader(sys.stdin, read)
    stopped = asyncio.create_task(stop.wait())
    while not stop.is_set():
        line = asyncio.create_task(lines.get())
        done, _ = await asyncio.wait({line, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if line in done:
            await simulator.place_call()
        else:
            line.cancel()


async def _is_up(url: str) -> bool:
    """Wait until something listens where deliveries go."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + _SECONDS_TO_COME_UP
    has_said = False
    while loop.time() < give_up_at:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(parts.hostname, port)
            writer.close()
            return True
        if not has_said:
            _print(f"Waiting for the service at {url}, {_SECONDS_TO_COME_UP:.0f} seconds at most.")
            has_said = True
        await asyncio.sleep(0.2)
    return False


def _print(line: str) -> None:
    print(line, flush=True)
