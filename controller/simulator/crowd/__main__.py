"""The crowd as a process: `python -m controller.simulator.crowd [--tls CERT KEY]`.

The first line on standard output is `{"base_url": …}`. Then each line on standard input is one
command, and each is answered with one line:

    {"do": "meet", "webhook_url": …}              {}
    {"do": "place", "count": 100, "rate": 20}     {"placed": …, "greeted": …, "spans": …, "lag": …}
    {"do": "ask", "count": 40, "rate": 20}        {"placed": …, "greeted": …, "spans": …, "lag": …}
    {"do": "let_go"}                              {}

Spans and lags are in milliseconds. The process ends with its standard input.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ssl
import sys
from typing import Any, Final

import msgspec
import uvloop

from controller.errors import SimulatorError
from controller.simulator.crowd.callers import Callers
from controller.simulator.crowd.far_end import CrowdCall, FarEnd
from controller.simulator.crowd.timing import LagProbe, spans

_ARRIVAL_SPANS: Final = (
    "webhook_to_200",
    "webhook_to_accept",
    "sideband_open",
    "webhook_to_greeting",
)


class Director:
    """Does what standard input says.

    Args:
        far_end: started.
        secret: for the deliveries.
    """

    def __init__(self, far_end: FarEnd, secret: str) -> None:
        self._far_end = far_end
        self._secret = secret
        self._callers: Callers | None = None
        self._lag = LagProbe()

    async def obey(self, lines: asyncio.StreamReader) -> None:
        """Do one command after the other until there are no more."""
        probe = asyncio.create_task(self._lag.run())
        try:
            while line := await lines.readline():
                say(await self._do(msgspec.json.decode(line)))
        finally:
            probe.cancel()
            if self._callers is not None:
                await self._callers.close()

    async def _do(self, command: dict[str, Any]) -> dict[str, Any]:
        if command["do"] == "meet":
            self._callers = Callers(self._far_end, command["webhook_url"], secret=self._secret)
            return {}
        if self._callers is None:
            raise SimulatorError("meet first")
        self._lag.take()
        match command["do"]:
            case "place":
                calls = await self._callers.place(command["count"], command["rate"])
                return self._report(calls, *_ARRIVAL_SPANS)
            case "ask":
                calls = await self._callers.ask_tools(command["count"], command["rate"])
                return self._report(calls, "tool_output")
            case "let_go":
                await self._callers.let_go()
                return {}
            case unknown:
                raise SimulatorError(f"no such command: {unknown}")

    def _report(self, calls: list[CrowdCall], *names: str) -> dict[str, Any]:
        instants = [call.instants for call in calls]
        return {
            "placed": len(calls),
            "greeted": sum(each.heard_at is not None for each in instants),
            "spans": spans(instants, *names),
            "lag": self._lag.take(),
        }


def say(answer: dict[str, Any]) -> None:
    """Write one line of JSON."""
    sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
    sys.stdout.flush()


async def main(args: argparse.Namespace) -> None:
    """Run the crowd until standard input ends."""
    tls = None
    if args.tls:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*args.tls)
    far_end = FarEnd(api_key=args.api_key, tls=tls)
    await far_end.start()
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    say({"base_url": far_end.base_url})
    try:
        await Director(far_end, args.secret).obey(lines)
    finally:
        await far_end.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m controller.simulator.crowd")
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"))
    parser.add_argument("--api-key", required=True)
    parser.add_argument("--secret", required=True)
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(main(parser.parse_args()))
