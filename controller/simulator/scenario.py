"""Scenarios: what a caller does, what the model does, what goes wrong, and what is to come of it.

A scenario is written in TOML; `docs/reference/scenarios.md` describes the format for those who
write prompts. A mistake in a file is one `SimulatorError` that names the file, the key and the
cure.
"""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from controller.errors import SimulatorError
from controller.simulator.caller import HangsUp, Hears, Noise, Presses, Says, Step, Waits
from controller.simulator.ending import EndedBy
from controller.simulator.expectations import Expectations
from controller.simulator.faults import Planned, plan
from controller.simulator.forgeries import Forgery
from controller.simulator.model import Rule, ToolCall
from controller.simulator.switches import Pace
from controller.simulator.webhooks import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

FOREVER = 86_400.0
"""Seconds that nobody stays on the line; for calls that the service is to end."""


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
    faults: tuple[Planned, ...] = ()
    patience: float = 8.0
    """Seconds of silence after which the caller speaks although it is not their turn."""
    stays: float = 30.0
    """Seconds that the caller stays after the last step before hanging up."""
    pace: Pace | None = None
    """How long things take; None leaves it to the simulator."""
    expect: Expectations = field(default_factory=Expectations)

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
    return Scenario(**_members(table, "", _SCENARIO))


# Reading values. Each reader takes a value and the key where it stands.


def _members(
    table: Any, where: str, readers: dict[str, tuple[str, Callable[[Any, str], Any]]]
) -> dict[str, Any]:
    """Read a table: keys of the file become arguments, by name and reader."""
    _typed(dict, "a table")(table, where)
    arguments = {}
    for key, value in table.items():
        place = f"{where}.{key}" if where else key
        if key not in readers:
            raise SimulatorError(f"{place}: no such key{_hint(key, readers)}")
        argument, reader = readers[key]
        arguments[argument] = reader(value, place)
    return arguments


def _hint(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, [str(one) for one in known], n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return "; known are " + ", ".join(sorted(known))


def _typed(kind: type | tuple[type, ...], name: str) -> Callable[[Any, str], Any]:
    def read(value: Any, where: str) -> Any:
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise SimulatorError(f"{where}: {value!r} is not {name}")
        return value

    return read


_text = _typed(str, "a text")
_flag = _typed(bool, "true or false")
_whole = _typed(int, "a whole number")


def _seconds(value: Any, where: str) -> float:
    _typed((int, float), "a number of seconds")(value, where)
    if value < 0:
        raise SimulatorError(f"{where}: {value} is negative")
    return float(value)


def _texts(value: Any, where: str) -> tuple[str, ...]:
    """Read a text or a list of texts."""
    if isinstance(value, str):
        return (value,)
    return tuple(_text(one, f"{where}[{at}]") for at, one in enumerate(_list(value, where)))


def _list(value: Any, where: str) -> list[Any]:
    found: list[Any] = _typed(list, "a list")(value, where)
    return found


def _choice(*known: str) -> Callable[[Any, str], str]:
    def read(value: Any, where: str) -> str:
        if value not in known:
            raise SimulatorError(f"{where}: {value!r} is unknown{_hint(str(value), known)}")
        return str(value)

    return read


def _endings(value: Any, where: str) -> tuple[str, ...]:
    read = _choice(*EndedBy)
    return tuple(read(one, where) for one in _texts(value, where))


def _webhooks(value: Any, where: str) -> tuple[str, ...]:
    known = _choice(*Kind, *Forgery)
    return tuple(known(one, f"{where}[{at}]") for at, one in enumerate(_texts(value, where)))


def _headers(value: Any, where: str) -> tuple[tuple[str, str], ...]:
    """Read a table of headers; a list repeats a header."""
    _typed(dict, "a table of headers")(value, where)
    return tuple(
        (name, text) for name, one in value.items() for text in _texts(one, f"{where}.{name}")
    )


def _pace(value: Any, where: str) -> Pace:
    known = {one.name: (one.name, _seconds) for one in fields(Pace)}
    given = _members(value, where, known | {"speed": ("speed", _seconds)})
    speed = given.pop("speed", 1.0)
    if not speed:
        raise SimulatorError(f"{where}.speed: must be more than 0")
    return replace(Pace().times(1 / speed), **given)


def _faults(value: Any, where: str) -> tuple[Planned, ...]:
    return tuple(_fault(one, f"{where}[{at}]") for at, one in enumerate(_list(value, where)))


def _fault(value: Any, where: str) -> Planned:
    table = {"name": value} if isinstance(value, str) else value
    known = {"name": ("name", _text), "times": ("times", _whole), "seconds": ("seconds", _seconds)}
    given = _members(table, where, known)
    try:
        return plan(given.pop("name", ""), **given)
    except SimulatorError as error:
        raise SimulatorError(f"{where}: {error}") from None


# What the caller does: a text, or a table whose first key says what


def _steps(value: Any, where: str) -> tuple[Step, ...]:
    return tuple(_step(one, f"{where}[{at}]") for at, one in enumerate(_list(value, where)))


def _step(value: Any, where: str) -> Step:
    if isinstance(value, str):
        return Says(words=value)
    _typed(dict, "a text or a table")(value, where)
    acts = [key for key in value if key in _STEPS]
    if len(acts) != 1:
        raise SimulatorError(f"{where}: needs one of {', '.join(_STEPS)}")
    step, readers = _STEPS[acts[0]]
    made: Step = step(**_members(value, where, readers))
    return made


def _hang_up(*, when: Any) -> HangsUp:
    return HangsUp(at_once=when == "at once")


_STEPS: dict[str, tuple[Callable[..., Step], dict[str, tuple[str, Callable[[Any, str], Any]]]]] = {
    "says": (
        Says,
        {
            "says": ("words", _text),
            "transcript": ("transcript", _text),
            "over": ("over", _flag),
            "after": ("after", _seconds),
        },
    ),
    "noise": (Noise, {"noise": ("seconds", _seconds)}),
    "waits": (Waits, {"waits": ("seconds", _seconds)}),
    "hears": (Hears, {"hears": ("text", _text), "limit": ("limit", _seconds)}),
    "presses": (
        Presses,
        {"presses": ("keys", _text), "over": ("over", _flag), "gap": ("gap", _seconds)},
    ),
    "hangs_up": (
        _hang_up,
        {
            "hangs_up": (
                "when",
                lambda value, where: value is True or _choice("at once")(value, where),
            )
        },
    ),
}


# What the model does


def _rules(value: Any, where: str) -> tuple[Rule, ...]:
    return tuple(
        Rule(**_members(one, f"{where}[{at}]", _RULE)) for at, one in enumerate(_list(value, where))
    )


def _calls(value: Any, where: str) -> tuple[ToolCall, ...]:
    """Read a tool's name, a table of names and arguments, or a list of both."""
    if isinstance(value, str):
        return (ToolCall(value),)
    if isinstance(value, list):
        return tuple(call for at, one in enumerate(value) for call in _calls(one, f"{where}[{at}]"))
    _typed(dict, "a tool's name, or a table like { tool = { argument = 1 } }")(value, where)
    arguments = _typed((dict, str), "a table of arguments")
    return tuple(ToolCall(name, arguments(one, f"{where}.{name}")) for name, one in value.items())


_RULE: dict[str, tuple[str, Callable[[Any, str], Any]]] = {
    "when": ("when", _choice("greeting", "asked")),
    "heard": ("heard", _texts),
    "told": ("told", _texts),
    "instructed": ("instructed", _texts),
    "after": ("after", _text),
    "output": ("output", _texts),
    "says": ("says", _text),
    "calls": ("calls", _calls),
    "times": ("times", _whole),
}


def _counts(value: Any, where: str) -> dict[str, int]:
    _typed(dict, "a table of counts")(value, where)
    return {key: _whole(one, f"{where}.{key}") for key, one in value.items()}


def _outputs(value: Any, where: str) -> dict[str, str]:
    _typed(dict, "a table of tools and texts")(value, where)
    return {key: _text(one, f"{where}.{key}") for key, one in value.items()}


def _expect(value: Any, where: str) -> Expectations:
    return Expectations(**_members(value, where, _EXPECT))


_EXPECT: dict[str, tuple[str, Callable[[Any, str], Any]]] = {
    "ended": ("ended", _endings),
    "rejected": ("rejected", _whole),
    "referred_to": ("referred_to", _text),
    "accepted": ("accepted", _flag),
    "tools": ("tools", _texts),
    "outputs": ("outputs", _outputs),
    "said": ("said", _texts),
    "never_said": ("never_said", _texts),
    "answers": (
        "answers",
        lambda value, where: tuple(_whole(x, where) for x in _list(value, where)),
    ),
    "requests": ("requests", _counts),
    "events": ("events", _counts),
    "session": ("session", _typed(dict, "a table")),
}

_SCENARIO: dict[str, tuple[str, Callable[[Any, str], Any]]] = {
    "title": ("title", _text),
    "from": ("caller", _text),
    "to": ("to", _text),
    "headers": ("headers", _headers),
    "media_security": ("media_security", _text),
    "webhooks": ("webhooks", _webhooks),
    "caller": ("steps", _steps),
    "model": ("rules", _rules),
    "faults": ("faults", _faults),
    "patience": ("patience", _seconds),
    "stays": ("stays", _seconds),
    "pace": ("pace", _pace),
    "expect": ("expect", _expect),
}
