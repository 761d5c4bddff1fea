"""Scenarios: what a caller does, what the model does, what goes wrong, and what is to come of it.

A scenario is written in TOML; `docs/reference/scenarios.md` describes the format for those who
write prompts. A mistake in a file is one `SimulatorError` that names the file, the key and the
cure.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from controller.errors import SimulatorError
from controller.simulator.expectations import Expectations
from controller.simulator.reading import listed, members, seconds, typed
from controller.simulator.script import SCENARIO
from controller.simulator.steps import FOREVER, Step
from controller.simulator.webhooks import Kind

if TYPE_CHECKING:
    from pathlib import Path

    from controller.simulator.faults import Planned
    from controller.simulator.http_answers import HttpAnswer
    from controller.simulator.mcp import McpServer
    from controller.simulator.model import Rule
    from controller.simulator.operating import OperatorStep
    from controller.simulator.switches import Pace

__all__ = ["FOREVER", "Scenario", "load", "parse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One call, from both sides."""

    title: str = "a call"
    caller: str = "+12025550101"
    """Number in `From`; `anonymous` withholds it."""
    to: str = "+12025550100"
    """Number that was dialled; it stands in `Diversion`, since `To` is the project's address."""
    headers: tuple[tuple[str, str], ...] = ()
    """SIP headers; a name that we send anyway replaces ours, and an empty value removes it."""
    media_security: str = "rtp"
    """`sip_media_security` of the webhook; empty omits it."""
    webhooks: tuple[str, ...] = (Kind.INCOMING,)
    """Deliveries, one after the other: kinds of `webhooks.Kind` or `forgeries.Forgery`."""
    steps: tuple[Step, ...] = ()
    """What the caller does once the call is answered."""
    rules: tuple[Rule, ...] = ()
    """What the model does."""
    mcp: tuple[McpServer, ...] = ()
    """MCP servers, which OpenAI would call by itself."""
    http: tuple[HttpAnswer, ...] = ()
    """Answers of web services, which the service's HTTP tools ask."""
    operator: tuple[OperatorStep, ...] = ()
    """What an operator does meanwhile; whoever plays the scenario does it."""
    faults: tuple[Planned, ...] = ()
    tokens_left: float | None = None
    """Share of the project's token limit that is left after each response; None: what is left of a
    large limit."""
    session_limit: float | None = None
    """Seconds until OpenAI ends the session; None leaves it to the simulator's switch."""
    patience: float = 8.0
    """Seconds of silence after which the caller speaks although it is not their turn."""
    stays: float = 30.0
    """Seconds that the caller stays after the last step before hanging up."""
    pace: Pace | None = None
    """How long things take; None leaves it to the simulator."""
    expect: Expectations = field(default_factory=Expectations)
    then: tuple[Scenario, ...] = ()
    """Calls that follow, each after the end of the one before."""
    pause: float = 1.0
    """Seconds before this call, where it follows another."""

    def sip_headers(self, sip_call_id: str) -> list[dict[str, str]]:
        """Return the INVITE's headers, as the webhook carries them."""
        trunk = "trunk.example.net"
        sender = f"<sip:{self.caller}@{trunk}>;tag=as58f4201b"
        if self.caller == "anonymous":
            sender = '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=as58f4201b'
        ours = {
            "From": sender,
            "To": "<sip:proj_simulated@sip.api.openai.com>",
            "Call-ID": sip_call_id,
            "CSeq": "102 INVITE",
            "Max-Forwards": "69",
            "Diversion": f"<sip:{self.to}@{trunk}>;reason=unconditional",
        }
        replaced = {name.casefold() for name, _ in self.headers}
        lines = [(name, text) for name, text in ours.items() if name.casefold() not in replaced]
        lines += [(name, text) for name, text in self.headers if text]
        return [{"name": name, "value": text} for name, text in lines]


def load(path: Path) -> Scenario:
    """Read a scenario file.

    Raises:
        SimulatorError: it cannot be read, or is no scenario; the message names file and key.
    """
    try:
        return parse(path.read_text(encoding="utf-8-sig"), title=path.stem)
    except OSError as error:
        raise SimulatorError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise SimulatorError(f"{path}: is not UTF-8; save the file as UTF-8") from None
    except SimulatorError as error:
        raise SimulatorError(f"{path}: {error}") from None


def parse(text: str, *, title: str = "a call") -> Scenario:
    """Read a scenario from TOML.

    Raises:
        SimulatorError: it is no scenario; the message names the key.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SimulatorError(f"is no TOML: {error}") from None
    table.setdefault("title", title)
    return _scenario(table, "")


def _scenario(table: Any, where: str) -> Scenario:
    """Read a scenario; those in its `then` take over its title and its two numbers."""
    known = SCENARIO | {"pause": ("pause", seconds)} if where else SCENARIO
    typed(dict, "a table")(table, where)
    following = table.get("then", [])
    given = {key: value for key, value in table.items() if key != "then"}
    arguments = members(given, where, known)
    shared = {key: table[key] for key in ("title", "from", "to") if key in table}
    then = tuple(
        _scenario(shared | typed(dict, "a table")(one, place), place)
        for at, one in enumerate(listed(following, f"{where}.then"))
        if (place := f"{where}.then[{at}]".lstrip("."))
    )
    return Scenario(**arguments, then=then)
