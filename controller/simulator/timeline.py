"""Prints what happens as people would tell it: who said what, which tool, which decision.

The timeline is fed with journal entries (`simulator.on_entry(timeline)`) and writes one line for
each that matters; the wire's chatter stays in the journal.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from controller.simulator.ending import EndedBy, Ending
from controller.simulator.journal import Entry, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from controller.simulator.call import SimulatedCall

_COLOURS = {
    "caller": "36",
    "model": "32",
    "service": "33",
    "openai": "90",
    "fault": "31",
}
_HTTP_OK = 200


class Timeline:
    """Turns journal entries into lines.

    Args:
        write: takes each line, without a line end.
        in_colour: whether to colour the speakers with ANSI escapes.
    """

    def __init__(self, write: Callable[[str], None], *, in_colour: bool = False) -> None:
        self._write = write
        self._in_colour = in_colour
        self._names: dict[str, str] = {}
        self._began_at: float | None = None

    def name(self, call: SimulatedCall) -> None:
        """Give a call a name: its number here and its title."""
        number = self._number(call.call_id)
        self._line(call, "openai", f"{number} is {call.scenario.title!r}")

    def __call__(self, entry: Entry) -> None:
        """Write the line of an entry, if it has one."""
        if self._began_at is None:
            self._began_at = entry.at
        told = _TELLERS[entry.source](entry)
        if told is None:
            return
        who, what = told
        at = entry.at - self._began_at
        label = f"\033[{_COLOURS[who]}m{who:<8}\033[0m" if self._in_colour else f"{who:<8}"
        self._write(f"{at:8.2f}  {self._number(entry.call_id):<8}{label}  {what}")

    def _line(self, call: SimulatedCall, who: str, what: str) -> None:
        self._write(f"{'':8}  {self._number(call.call_id):<8}{who:<8}  {what}")

    def _number(self, call_id: str) -> str:
        if not call_id:
            return "-"
        return self._names.setdefault(call_id, f"call {len(self._names) + 1}")


def _webhook(entry: Entry) -> tuple[str, str]:
    return "openai", f"webhook {_spaced(entry.name)}"


def _answer(entry: Entry) -> tuple[str, str]:
    status = entry.body.status
    return "service", f"answers {entry.name} {status if status is not None else 'not at all'}"


def _request(entry: Entry) -> tuple[str, str] | None:
    if entry.name == "attach":
        return "service", "attaches the sideband"
    return "service", f"{entry.name} {_request_detail(entry.name, entry.body or {})}".rstrip()


def _request_detail(verb: str, body: Mapping[str, Any]) -> str:
    if verb == "accept":
        return f"with {body.get('model', 'the default model')}"
    if verb == "reject":
        return f"with {body.get('status_code', 603)}"
    return str(body.get("target_uri", ""))


def _reply(entry: Entry) -> tuple[str, str] | None:
    status, code = entry.body["status"], entry.body["code"]
    if status in {_HTTP_OK, 101}:
        return None
    return "openai", f"answers {entry.name} {status or 'not at all'} {code or ''}".rstrip()


def _client(entry: Entry) -> tuple[str, str] | None:
    body = entry.body
    if entry.name == "session.update":
        changed = ", ".join(key for key in _mapping(body.get("session")) if key != "type")
        return "service", f"updates the session: {changed}"
    if entry.name == "response.create":
        wanted = _mapping(body.get("response")).get("instructions")
        return ("service", f"asks the model: {_short(str(wanted))}") if wanted else None
    if entry.name == "response.cancel":
        return "service", "cancels the response"
    return None


def _server(entry: Entry) -> tuple[str, str] | None:
    if entry.name == "error":
        return "openai", f"error {entry.body['error']['code']}"
    if entry.name == "response.done" and entry.body["response"]["status"] != "completed":
        return "openai", f"response {entry.body['response']['status']}"
    return None


def _caller(entry: Entry) -> tuple[str, str]:
    if entry.name == "says":
        return "caller", f'"{entry.body}"'
    return "caller", f"{entry.name} {entry.body or ''}".rstrip()


def _model(entry: Entry) -> tuple[str, str] | None:
    body = entry.body
    if entry.name == "says":
        return "model", f'"{body["text"]}"'
    if entry.name == "calls":
        return "model", f"calls {body['tool']}({_arguments(body['arguments'])})"
    if entry.name == "is given":
        return "service", f"{body['tool']} gives {_short(body['output'])}"
    if entry.name == "was cut off":
        return "model", f'is cut off after "{body["text"]}"'
    return None


def _arguments(text: str) -> str:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if not isinstance(value, dict):
        return text
    return ", ".join(f"{key}={json.dumps(one, ensure_ascii=False)}" for key, one in value.items())


def _call(entry: Entry) -> tuple[str, str] | None:
    if entry.name == "rings":
        return "caller", f"{entry.body['from']} dials {entry.body['to']}"
    if entry.name == "ended":
        return "openai", _ENDINGS[entry.body.by](entry.body)
    if entry.name in {"is answered", "sideband closed"}:
        return "openai", entry.name
    return None


def _fault(entry: Entry) -> tuple[str, str]:
    return "fault", _spaced(entry.name)


def _note(entry: Entry) -> tuple[str, str]:
    return "openai", f"notes that {entry.name}"


def _lost(_entry: Entry) -> None:
    return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def _short(text: str, limit: int = 70) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


_TELLERS: dict[Source, Callable[[Entry], tuple[str, str] | None]] = {
    Source.WEBHOOK: _webhook,
    Source.ANSWER: _answer,
    Source.REQUEST: _request,
    Source.REPLY: _reply,
    Source.CLIENT: _client,
    Source.SERVER: _server,
    Source.LOST: _lost,
    Source.CALLER: _caller,
    Source.MODEL: _model,
    Source.CALL: _call,
    Source.FAULT: _fault,
    Source.NOTE: _note,
}

_ENDINGS: dict[EndedBy, Callable[[Ending], str]] = {
    EndedBy.REJECTED: lambda ending: f"ended: rejected with {ending.status_code}",
    EndedBy.CALLER_GAVE_UP: lambda _: "ended: the caller gave up while it rang",
    EndedBy.UNANSWERED: lambda _: "ended: nobody decided in time",
    EndedBy.CALLER_HUNG_UP: lambda _: "ended: the caller hung up",
    EndedBy.HUNG_UP: lambda _: "ended: the service hung up",
    EndedBy.REFERRED: lambda ending: f"ended: the leg left for {ending.target_uri}",
    EndedBy.DIED: lambda _: "ended: accepted, but never established",
    EndedBy.EXPIRED: lambda _: "ended: the longest session is over",
    EndedBy.STOPPED: lambda _: "ended: the stand-in was stopped",
}


def summary(calls: list[SimulatedCall]) -> list[str]:
    """Return a table of calls: how each ended, and what of its expectations did not hold."""
    titles = [call.scenario.title for call in calls]
    width = max([len(title) for title in titles], default=0)
    lines = []
    for title, call in zip(titles, calls, strict=True):
        failed = call.verdict()
        ended = _ENDINGS[call.outcome.by](call.outcome) if call.outcome else "is not over"
        lines.append(f"{'FAILED' if failed else 'ok':<7} {title:<{width}}  {ended}")
        lines += [f"{'':8}{sentence}" for sentence in failed]
    return lines
