"""Prints what happens as people would tell it: who said what, which tool, which decision.

The timeline is fed with journal entries (`simulator.on_entry(timeline)`) and writes one line for
each that matters: seconds since the first, the call, who, what. The wire's chatter stays in the
journal.
"""

from __future__ import annotations

import itertools
import json
import re
import textwrap
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from controller.simulator.attempts import AGAIN, Attempts
from controller.simulator.ending import EndedBy, Ending
from controller.simulator.journal import Entry, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from controller.simulator.call import SimulatedCall

_COLOURS = {
    "caller": "36",
    "model": "32",
    "service": "33",
    "openai": "90",
    "fault": "31",
}
_NOTHING = ("", "")
"""An entry that is told by another one."""
_EXACTLY = re.compile(r"(?s)[^:\n]*\b(?:exactly|word for word|verbatim)\b[^:\n]*:\s*(\S.*)")
"""A wish for certain words, which interest more than the wish."""
_HTTP_OK = 200
_INDENT = 28
_LEAST_WORDS = 24
"""Columns before the words of a line, and those that words need; a narrower terminal wraps."""


class Timeline:
    """Turns journal entries into lines.

    Args:
        write: takes each line, without a line end.
        in_colour: whether to colour the speakers with ANSI escapes.
        width: columns of the terminal, beyond which words go on in the next line; None: never.
    """

    def __init__(
        self, write: Callable[[str], None], *, in_colour: bool = False, width: int | None = None
    ) -> None:
        self._write = write
        self._in_colour = in_colour
        self._columns = max(width - _INDENT, _LEAST_WORDS) if width else None
        self._names: dict[str, str] = {}
        self._instructions: dict[str, str] = {}
        self._began_at: float | None = None
        self._over: set[str] = set()
        self._kept: dict[str, list[Entry]] = {}
        self._attempts: dict[str, Attempts] = {}

    def name(self, call: SimulatedCall) -> None:
        """Write a heading for a call: its number here and its title."""
        heading = f"{self._number(call.call_id)}: {_one_line(call.scenario.title)}"
        self._write(f"\033[1m{heading}\033[0m" if self._in_colour else heading)

    def keep(self, call: SimulatedCall, *, number: int) -> None:
        """Write nothing of a call until `tell`; other calls are not given its number."""
        self._names[call.call_id] = f"call {number}"
        self._kept[call.call_id] = []

    def tell(self, call: SimulatedCall) -> None:
        """Write what was kept of a call, with seconds from its own beginning."""
        entries = self._kept.pop(call.call_id, [])
        self.name(call)
        for entry in entries:
            self._follow(entry, began_at=entries[0].at)

    def __call__(self, entry: Entry) -> None:
        """Write the line of an entry, if it has one."""
        if entry.call_id in self._kept:
            self._kept[entry.call_id].append(entry)
            return
        if self._began_at is None:
            self._began_at = entry.at
        self._follow(entry, began_at=self._began_at)

    def _follow(self, entry: Entry, *, began_at: float) -> None:
        attempts = self._attempts.setdefault(entry.call_id, Attempts())
        for each in attempts.take(entry):
            self._write_line(each, began_at=began_at)

    def _write_line(self, entry: Entry, *, began_at: float) -> None:
        told = self._last_look(entry) or _TELLERS[entry.source](self._without_the_agents(entry))
        if told is None or told == _NOTHING:
            return
        who, what = told
        first, *others = self._wrapped(_one_line(what))
        label = f"\033[{_COLOURS[who]}m{who:<8}\033[0m" if self._in_colour else f"{who:<8}"
        at = entry.at - began_at
        self._write(f"{at:8.2f}  {self._number(entry.call_id):<8}{label}  {first}")
        for line in others:
            self._write(f"{'':{_INDENT}}{line}")

    def _wrapped(self, words: str) -> list[str]:
        return textwrap.wrap(words, self._columns) if self._columns and words else [words]

    def _last_look(self, entry: Entry) -> tuple[str, str] | None:
        """Tell as one line how a service learns of an end: it asks for the sideband, and gets 404.

        Two lines of a failed attach at the end of nearly every call look like a fault.
        """
        if entry.source is Source.CALL and entry.name == "ended":
            self._over.add(entry.call_id)
        if entry.call_id not in self._over or entry.name != "attach":
            return None
        if entry.source is Source.REQUEST:
            return _NOTHING
        return "service", f"asks for the sideband again; {entry.body['status']}: the call is over"

    def _without_the_agents(self, entry: Entry) -> Entry:
        """Leave out the agent's own instructions where a response repeats them."""
        if entry.source is Source.REQUEST and entry.name == "accept":
            self._instructions[entry.call_id] = str(_mapping(entry.body).get("instructions", ""))
        if entry.source is not Source.CLIENT or entry.name != "response.create":
            return entry
        wanted = _mapping(_mapping(entry.body).get("response")).get("instructions")
        if not isinstance(wanted, str):
            return entry
        wanted = wanted.removeprefix(self._instructions.get(entry.call_id, "")).strip() or wanted
        return replace(entry, body={"response": {"instructions": wanted}})

    def _number(self, call_id: str) -> str:
        if not call_id:
            return "-"
        if call_id not in self._names:
            taken = set(self._names.values())
            number = next(n for n in itertools.count(1) if f"call {n}" not in taken)
            self._names[call_id] = f"call {number}"
        return self._names[call_id]


def _webhook(entry: Entry) -> tuple[str, str]:
    return "openai", f"delivers a webhook: {_spaced(entry.name)}"


def _answer(entry: Entry) -> tuple[str, str]:
    status = entry.body.status
    return "service", f"answers the webhook {_with(status)}"


def _request(entry: Entry) -> tuple[str, str] | None:
    if entry.name == AGAIN:
        return "service", f"tries the same {_times(entry.body)} more"
    if entry.name == "attach":
        return "service", "attaches the sideband"
    return "service", _request_of(entry.name, _mapping(entry.body))


def _request_of(verb: str, body: Mapping[str, Any]) -> str:
    if verb == "accept":
        return f"accepts the call with {body.get('model', 'the default model')}"
    if verb == "reject":
        return f"rejects the call with {body.get('status_code', 603)}"
    if verb == "refer":
        return f"refers the caller to {body.get('target_uri', 'nobody')}"
    return "hangs up"


def _reply(entry: Entry) -> tuple[str, str] | None:
    status, code = entry.body["status"], entry.body["code"]
    if status in {_HTTP_OK, 101}:
        return None
    return "openai", f"answers the {entry.name} {_with(status)} {code or ''}".rstrip()


def _http(entry: Entry) -> tuple[str, str]:
    return "service", f"asks the web service: {entry.body['method']} {entry.body['path']}"


def _client(entry: Entry) -> tuple[str, str] | None:
    body = entry.body
    if entry.name == "session.update":
        return "service", _update_of(_mapping(body.get("session")))
    if entry.name == "response.create":
        wanted = _mapping(body.get("response")).get("instructions")
        return ("service", _wish(str(wanted))) if wanted else None
    if entry.name == "conversation.item.create":
        return _note_for_the_model(_mapping(body.get("item")))
    if entry.name == "response.cancel":
        return "service", "cancels the response"
    return None


def _wish(instructions: str) -> str:
    exact = _EXACTLY.fullmatch(instructions.strip())
    return (
        f'has the model say: "{exact[1]}"' if exact else f"asks the model: {_short(instructions)}"
    )


def _note_for_the_model(item: Mapping[str, Any]) -> tuple[str, str] | None:
    if item.get("type") != "message":
        return None  # what a tool gave back is told where the model is given it
    texts = [str(_mapping(part).get("text", "")) for part in item.get("content") or ()]
    return "service", f"tells the model: {_short(' '.join(texts))}"


def _update_of(session: Mapping[str, Any]) -> str:
    changed = [key for key in session if key != "type"]
    heard = _mapping(_mapping(session.get("audio")).get("input")).get("turn_detection")
    floor = _mapping(heard).get("interrupt_response")
    if changed != ["audio"] or not isinstance(floor, bool):
        return f"updates the session: {', '.join(changed)}"
    return "gives the caller the floor" if floor else "keeps the floor until the words were heard"


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
        return "service", f"answers {body['tool']}: {_short(body['output'])}"
    if entry.name in {"is approved", "is refused"}:
        verb = entry.name.removeprefix("is ").removesuffix("d")
        return "service", f"{verb}s {body['tool']} of {body['server']}"
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
        ending = entry.body
        where = f" for {ending.target_uri}" if ending.by is EndedBy.REFERRED else ""
        return "openai", f"the call is over: {_ENDINGS[ending.by](ending)}{where}"
    if entry.name == "is answered":
        return "openai", "connects the caller"
    return ("openai", "closes the sideband") if entry.name == "sideband closed" else None


def _fault(entry: Entry) -> tuple[str, str]:
    return "fault", _spaced(entry.name)


def _note(entry: Entry) -> tuple[str, str]:
    return "openai", f"notes that {entry.name}"


def _lost(_entry: Entry) -> None:
    return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _with(status: int | None) -> str:
    return "with nothing at all" if status is None else f"with {status}"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def _one_line(text: str) -> str:
    """Return a text as a terminal may have it: one line, and nothing that moves the cursor."""
    text = " ".join(text.split())
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def _short(text: str, limit: int = 70) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


_TELLERS: dict[Source, Callable[[Entry], tuple[str, str] | None]] = {
    Source.WEBHOOK: _webhook,
    Source.ANSWER: _answer,
    Source.REQUEST: _request,
    Source.REPLY: _reply,
    Source.HTTP: _http,
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
    EndedBy.REJECTED: lambda ending: f"rejected with {ending.status_code}",
    EndedBy.CALLER_GAVE_UP: lambda _: "the caller gave up while it rang",
    EndedBy.UNANSWERED: lambda _: "nobody decided in time",
    EndedBy.CALLER_HUNG_UP: lambda _: "the caller hung up",
    EndedBy.HUNG_UP: lambda _: "the service hung up",
    EndedBy.REFERRED: lambda _: "the caller's leg left",
    EndedBy.DIED: lambda _: "accepted, never established",
    EndedBy.EXPIRED: lambda _: "the longest session is over",
    EndedBy.STOPPED: lambda _: "the stand-in was stopped",
}


def summary(calls: Sequence[SimulatedCall], outcomes: Mapping[str, str] | None = None) -> list[str]:
    """Return a table of calls: how each ended, and what of its expectations did not hold.

    Args:
        calls: In the order in which they were placed.
        outcomes: What the service says of them, by `call_id`; a column of its own.
    """
    if not calls:
        return []
    rows = [["#", "result", "call", "how it ended"]]
    rows += [_row(number, call, outcomes) for number, call in enumerate(calls, 1)]
    if outcomes is not None:
        said = [outcomes.get(call.call_id, "(no call for it)") for call in calls]
        for row, word in zip(rows, ["what the service says", *said], strict=True):
            row.append(word)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [_aligned(row, widths) for row in rows]
    table = [lines[0], "-" * (sum(widths) + 2 * len(widths))]
    for line, call in zip(lines[1:], calls, strict=True):
        table += [line, *(f"{'':{widths[0] + 4}}{sentence}" for sentence in call.verdict(outcomes))]
    return table


def _row(number: int, call: SimulatedCall, outcomes: Mapping[str, str] | None) -> list[str]:
    ended = _ENDINGS[call.outcome.by](call.outcome) if call.outcome else "is not over"
    result = "FAILED" if call.verdict(outcomes) else "ok"
    return [str(number), result, _one_line(call.scenario.title), ended]


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(row, widths, strict=True)
    cells = [first[0].rjust(first[1]), *(cell.ljust(width) for cell, width in others)]
    return "  ".join(["", *cells]).rstrip()
