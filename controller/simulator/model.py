"""The scripted model: what it says, and which tools it calls, decided by rules.

The same turn gives the same outcome every time. Rules are tried in order; the first whose
conditions all hold decides. Without a matching rule it does what a polite model would do: it
greets, repeats what it heard, reads tool outputs out, and says goodbye when asked to.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Speech:
    """The model speaks."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model calls a tool. A string in place of arguments is sent as it stands."""

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)

    @property
    def json(self) -> str:
        """The arguments as the model writes them."""
        if isinstance(self.arguments, str):
            return self.arguments
        return json.dumps(self.arguments, ensure_ascii=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """All that a response may depend on."""

    is_asked: bool = False
    """Asked for by `response.create`; False: the voice activity detection asked."""
    is_greeting: bool = False
    """Asked for before any response was completed, with no tool output waiting."""
    instructions: str = ""
    """Instructions of this response alone, without those of the session if it repeats them."""
    prompt: str = ""
    """Instructions of the session."""
    heard: tuple[str, ...] = ()
    """What the caller said since the last response."""
    told: tuple[str, ...] = ()
    """Texts that the service put into the conversation since the last response."""
    outputs: tuple[tuple[str, str], ...] = ()
    """Names and outputs of the tools that answered since the last response."""
    tools: tuple[str, ...] = ()
    """Names of the tools that may be called."""
    tool_choice: str = "auto"
    """`auto`, `none`, `required`, or the name of the tool that must be called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """If all of the conditions hold, then this is what the model does."""

    when: str = ""
    """`greeting`: asked to open the call; `asked`: asked by `response.create`; empty: any turn."""
    heard: tuple[str, ...] = ()
    """One of these texts is in what the caller said, whatever the case and punctuation."""
    told: tuple[str, ...] = ()
    """One of these texts is in what the service put into the conversation."""
    instructed: tuple[str, ...] = ()
    """One of these texts is in the instructions of the response."""
    prompted: tuple[str, ...] = ()
    """One of these texts is in the instructions of the session."""
    has_tool: tuple[str, ...] = ()
    """One of these tools may be called."""
    after: str = ""
    """This tool has just answered."""
    output: tuple[str, ...] = ()
    """One of these texts is in that tool's output."""
    says: str = ""
    """Words to say; `{output}`, `{output.key}` and `{heard}` are filled in."""
    calls: tuple[ToolCall, ...] = ()
    """Tools to call, after the words if there are any."""
    times: int | None = None
    """How often the rule may be used in a call; None is without end."""

    def matches(self, turn: Turn) -> bool:
        """Return whether all conditions hold."""
        return (
            (self.when != "greeting" or turn.is_greeting)
            and (self.when != "asked" or turn.is_asked)
            and _in_any(self.heard, turn.heard)
            and _in_any(self.told, turn.told)
            and _in_any(self.instructed, (turn.instructions,))
            and _in_any(self.prompted, (turn.prompt,))
            and (not self.has_tool or any(tool in turn.tools for tool in self.has_tool))
            and self._follows_tool(turn)
        )

    def _follows_tool(self, turn: Turn) -> bool:
        if not self.after and not self.output:
            return True
        outputs = [text for name, text in turn.outputs if self.after in {"", name}]
        return bool(outputs) and _in_any(self.output, outputs)


def plain(text: str) -> str:
    """Return a text in lower case with single spaces and no punctuation, for comparisons."""
    return " ".join(re.findall(r"[\w+']+", text.casefold()))


def contains(text: str, part: str) -> bool:
    """Return whether `part` is in `text`, whatever the case and punctuation."""
    return plain(part) in plain(text)


def _in_any(parts: Sequence[str], texts: Sequence[str]) -> bool:
    return not parts or any(contains(text, part) for part in parts for text in texts)


class Model:
    """Decides the responses of one call."""

    __slots__ = ("_rules", "_used")

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        self._rules = rules
        self._used = [0] * len(rules)

    def respond(self, turn: Turn) -> list[Speech | ToolCall]:
        """Return what the model does in a turn; an empty list is a silent response."""
        for position, rule in enumerate(self._rules):
            if rule.times is not None and self._used[position] >= rule.times:
                continue
            # Nothing is called while tool_choice is none; such a rule may still speak.
            if rule.calls and not rule.says and turn.tool_choice == "none":
                continue
            if rule.matches(turn):
                self._used[position] += 1
                return _perform(rule, turn)
        return _improvise(turn)


def _perform(rule: Rule, turn: Turn) -> list[Speech | ToolCall]:
    acts: list[Speech | ToolCall] = []
    if rule.says:
        acts.append(Speech(_fill(rule.says, rule.after, turn)))
    if turn.tool_choice != "none":
        acts.extend(rule.calls)
    return acts


def _fill(template: str, after: str, turn: Turn) -> str:
    output = next((text for name, text in reversed(turn.outputs) if after in {"", name}), "")

    def value(match: re.Match[str]) -> str:
        name, _, key = match[1].partition(".")
        if name == "heard":
            return " ".join(turn.heard)
        if name == "told":
            return " ".join(turn.told)
        return _member(output, key) if key else _unquoted(output)

    return re.sub(r"\{((?:output|heard|told)(?:\.\w+)*)\}", value, template)


def _unquoted(output: str) -> str:
    """Return a tool output without the quotes of a JSON string."""
    try:
        value = json.loads(output)
    except ValueError:
        return output
    return value if isinstance(value, str) else output


def _member(output: str, path: str) -> str:
    try:
        value = json.loads(output)
    except ValueError:
        return ""
    for key in path.split("."):
        value = value.get(key, "") if isinstance(value, dict) else ""
    return str(value)


_VERBATIM = re.compile(r"\b(?:exactly|verbatim|word for word|these words)\b", re.IGNORECASE)
_QUOTED = re.compile(r"[\"“«](.+?)[\"”»]", re.DOTALL)

# What a service asks for in its own words, and what a polite model makes of it; the first part that
# is in the instruction decides.
_ASKED = (
    ("how you can help", "How can I help you?"),
    ("goodbye", "Goodbye."),
    ("apologise", "I am sorry, that did not work. How else can I help you?"),
    ("still working", "I am still working on it."),
    ("filler", "One moment, please."),
    ("cannot make out", "I cannot hear you. Please say a word, or press a key."),
    ("still there", "Are you still there?"),
    ("anybody is there", "Is anybody there?"),
    ("whether they are there", "Are you there?"),
    ("ending the call", "I am ending the call now. Please call again."),
    ("end this call", "I have to end this call now. Please call again."),
    ("is left for this call", "There is not much time left."),
    ("transfer", "One moment, I will connect you."),
    ("connect", "One moment, I will connect you."),
)


def _improvise(turn: Turn) -> list[Speech | ToolCall]:
    if turn.tool_choice not in {"auto", "none", "required"}:
        return [ToolCall(turn.tool_choice)]
    if turn.tool_choice == "required" and turn.tools:
        return [ToolCall(turn.tools[0])]
    return [Speech(_words(turn))]


def _words(turn: Turn) -> str:
    wanted = turn.instructions
    if _VERBATIM.search(wanted):
        quoted = _QUOTED.search(wanted)
        return (quoted[1] if quoted else wanted.partition(":")[2] or wanted).strip()
    for part, words in _ASKED:
        if contains(wanted, part):
            return words
    if turn.outputs:
        return " ".join(_unquoted(text) for _, text in turn.outputs)
    if turn.heard:
        return _reply(" ".join(turn.heard))
    if turn.is_greeting:
        return "Hello, how can I help you?"
    if turn.told:
        return " ".join(turn.told)
    # Whatever it is, whoever reads along sees that the model was asked, and for what.
    return f"I was asked: {wanted.strip()}" if wanted.strip() else "Are you still there?"


def _reply(heard: str) -> str:
    if contains(heard, "bye"):
        return "Goodbye."
    return f"You said: {heard}" if heard.strip() else "Sorry, I did not catch that."
