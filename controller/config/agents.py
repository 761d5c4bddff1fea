"""Agent files: TOML between two `+++` lines, then the instructions in Markdown.

+++
model = "gpt-realtime-2.1"
voice = "marin"
disclosure = false
+++
You are the receptionist of Acme Dental. …
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from controller.config import document
from controller.config.problems import problems_of, refusal
from controller.errors import ConfigurationError, Problem
from controller.sansio.agent import BUILT_IN, Agent

if TYPE_CHECKING:
    from pathlib import Path

    from controller.sansio.agent import Target, ToolDeclaration

LONGEST_CALL: Final = 58 * 60.0
"""Seconds. OpenAI ends a session after an hour; we say goodbye before (operations, Defaults)."""

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""Of agents and of targets: what a URL, a log line and a model take without quoting."""

_FENCE: Final = "+++"
_DISCLOSURE: Final = "a text that must be heard first, or false; one of the two must be given"

Text = Annotated[str, Field(min_length=1, pattern=r"\S")]
_Milliseconds = Annotated[int, Field(ge=0, le=10_000)]


class _Table(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )


class ServerVad(_Table):
    """Turns by loudness (OpenAI's VAD guide, `server_vad`)."""

    type: Literal["server_vad"]
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    prefix_padding_ms: _Milliseconds | None = None
    silence_duration_ms: _Milliseconds | None = None
    idle_timeout_ms: Annotated[int, Field(ge=5_000, le=30_000)] | None = None


class SemanticVad(_Table):
    """Turns by meaning (OpenAI's VAD guide, `semantic_vad`)."""

    type: Literal["semantic_vad"]
    eagerness: Literal["low", "medium", "high", "auto"] | None = None


class Transcription(_Table):
    """How the caller's words are written down."""

    model: Text = "gpt-transcribe"
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}$")] | None = None
    prompt: Text | None = None


def _disclosure(value: Any) -> Any:
    if value is False or (isinstance(value, str) and value.strip()):
        return value
    raise refusal(f"must be {_DISCLOSURE}")


def _turn_detection(value: Any) -> Any:
    kinds = ("server_vad", "semantic_vad")
    table = {"type": value} if isinstance(value, str) else value
    if not isinstance(table, dict) or table.get("type") not in kinds:
        raise refusal('must be "server_vad", "semantic_vad", or a table with one of them as type')
    if ours := {"create_response", "interrupt_response"} & table.keys():
        raise refusal(f"must not set {' or '.join(sorted(ours))}: the controller does, by the turn")
    return table


def _transcription(value: Any) -> Any:
    if value is False:
        return None
    if isinstance(value, str):
        return {"model": value}
    if isinstance(value, dict):
        return value
    raise refusal('must be false, the name of a model, or a table with "model" and "language"')


class FrontMatter(_Table):
    """The keys of an agent file."""

    model: Text
    """Name of the Realtime model."""
    voice: Text
    """Voice of the model; cannot change during a call."""
    disclosure: Annotated[str | Literal[False], BeforeValidator(_disclosure)]
    """a text that must be heard first, or false; one of the two must be given"""
    greeting: Text | None = None
    """What the model is told to say first; without it the agent waits for the caller."""
    tools: list[str] = []
    """What it may do: names of Python tools, and of the built-in `hang_up` and `transfer`."""
    targets: list[str] = []
    """Names of the targets that `transfer` may use."""
    turn_detection: Annotated[
        Annotated[ServerVad | SemanticVad, Field(discriminator="type")],
        BeforeValidator(_turn_detection),
    ] = ServerVad(type="server_vad")
    """When the caller's turn is over: `"server_vad"`, `"semantic_vad"`, or a table with one of them
    as `type` and OpenAI's options: `threshold`, `prefix_padding_ms`, `silence_duration_ms`,
    `idle_timeout_ms`; `eagerness`."""
    noise_reduction: Literal["near_field", "far_field"] | None = None
    """`near_field`: a handset; `far_field`: a loudspeaker telephone. Off without it."""
    transcription: Annotated[Transcription | None, BeforeValidator(_transcription)] = (
        Transcription()
    )
    """How the caller's words are written down: a table with `model`, `language` (such as "en") and
    `prompt`, or the model's name alone. With `false` they are not."""
    reasoning_effort: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None
    """`minimal`, `low`, `medium`, `high` or `xhigh`; for models that reason."""
    speed: Annotated[float, Field(ge=0.25, le=1.5)] | None = None
    """How fast the voice speaks, 0.25 to 1.5; 1 is normal."""
    max_output_tokens: Annotated[int, Field(ge=1, le=4096)] | None = None
    """Longest response, speech and tool calls together; at most 4096."""
    max_duration: Annotated[float, Field(gt=0, le=LONGEST_CALL)] = 1800.0
    """Seconds from the answer to the goodbye; at most 3480."""


@dataclass(frozen=True, slots=True)
class AgentFile:
    """One file, read and valid by itself; what it refers to is not looked up yet."""

    name: str
    front: FrontMatter
    instructions: str
    text: str
    """All of it."""
    source: document.Document
    """Where its keys stand."""

    def resolve(self, *, tools: tuple[ToolDeclaration, ...], targets: tuple[Target, ...]) -> Agent:
        """Return the agent, given what the names in the file stand for."""
        front = self.front
        transcription = front.transcription
        return Agent(
            name=self.name,
            model=front.model,
            voice=front.voice,
            instructions=self.instructions,
            greeting=front.greeting,
            disclosure=front.disclosure,
            tools=tools,
            built_in=BUILT_IN.intersection(front.tools),
            targets=targets,
            offered=tuple(each.name for each in targets),
            turn_detection=front.turn_detection.model_dump(exclude_none=True),
            noise_reduction=front.noise_reduction,
            transcription=transcription.model_dump(exclude_none=True) if transcription else None,
            reasoning_effort=front.reasoning_effort,
            speed=front.speed,
            max_output_tokens=front.max_output_tokens,
            max_duration=front.max_duration,
        )


def parse_agent(text: str, *, name: str, file: str) -> AgentFile:
    """Parse an agent file.

    Args:
        text: The whole file.
        name: The agent's name.
        file: The file as messages name it.

    Raises:
        ConfigurationError: Names every mistake that shows without the other files.
    """
    toml, instructions = _split(text, file)
    source = document.parse(toml, file, first_line=2)
    problems: list[Problem] = []
    if not instructions.strip():
        problems.append(
            Problem(file, "", "has no instructions", "write them below the second +++ line")
        )
    try:
        front = FrontMatter.model_validate(source.values)
    except ValidationError as error:
        found = problems_of(error, model=FrontMatter, raw=source.values, where=source.where)
        raise ConfigurationError(*(problem for _, problem in found), *problems) from None
    if problems:
        raise ConfigurationError(*problems)
    return AgentFile(name, front, instructions.strip(), text, source)


def read_agent(path: Path) -> AgentFile:
    """Read and parse an agent file; its name is the agent's.

    Raises:
        ConfigurationError: It cannot be read, or is wrong.
    """
    if not NAME.fullmatch(path.stem):
        raise ConfigurationError(
            Problem(str(path), "", "its name cannot be an agent's", "use letters, digits, - and _")
        )
    return parse_agent(document.read_text(path), name=path.stem, file=str(path))


def _split(text: str, file: str) -> tuple[str, str]:
    """Return front matter and body."""
    lines = text.split("\n")  # not splitlines(): TOML and the editor count \n only
    if lines[0].rstrip() == "---":
        raise ConfigurationError(
            Problem(f"{file}:1", "", "begins as YAML does", "write TOML between +++ lines")
        )
    if lines[0].rstrip() != _FENCE:
        raise ConfigurationError(
            Problem(f"{file}:1", "", "has no front matter", "the first line must be +++")
        )
    for number, line in enumerate(lines[1:], 1):
        if line.rstrip() == _FENCE:
            toml = "".join(f"{each}\n" for each in lines[1:number])
            return toml, "\n".join(lines[number + 1 :])
    raise ConfigurationError(
        Problem(f"{file}:1", "", "its front matter has no end", "close it with a line of +++")
    )
