"""The keys of an agent file: what the reference prints and what messages quote.

Whether a name in here exists (a tool, a target, an agent, a secret) is looked up later, in
`resolving`, when everything is read.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, model_validator

from controller.config.hours import TimeZone
from controller.config.http_tools import HttpToolEntry
from controller.config.keypad import KeypadSection
from controller.config.problems import refusal
from controller.config.section import Names, Seconds, Section, Share, Text
from controller.config.urls import SECRET_NAME

LONGEST_CALL: Final = 58 * 60.0
"""Seconds. OpenAI ends a session after an hour; we say goodbye before (operations, Defaults)."""

SHORTEST_SILENCE: Final = 40.0
"""Seconds before which nobody is cut off for saying nothing (operations, O10)."""

_DISCLOSURE: Final = "a text that must be heard first, or false; one of the two must be given"

_Milliseconds = Annotated[int, Field(ge=0, le=10_000)]
_Usd = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Instants = Annotated[tuple[Seconds, ...], Field(strict=False)]
_SilenceEnd = Annotated[float, Field(ge=SHORTEST_SILENCE, le=3600, allow_inf_nan=False)]


class ServerVad(Section):
    """Turns by loudness (OpenAI's VAD guide, `server_vad`)."""

    type: Literal["server_vad"]
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    prefix_padding_ms: _Milliseconds | None = None
    silence_duration_ms: _Milliseconds | None = None
    idle_timeout_ms: Annotated[int, Field(ge=5_000, le=30_000)] | None = None


class SemanticVad(Section):
    """Turns by meaning (OpenAI's VAD guide, `semantic_vad`)."""

    type: Literal["semantic_vad"]
    eagerness: Literal["low", "medium", "high", "auto"] | None = None


class Transcription(Section):
    """How the caller's words are written down."""

    model: Text = "gpt-transcribe"
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}$")] | None = None
    prompt: Text | None = None


class Verbatim(Section):
    """A greeting word by word."""

    verbatim: Text
    """the words themselves"""


class FillerSection(Section):
    """What is said while a tool runs. Seconds from the tool's start."""

    first: Seconds = 1.8
    """Seconds until the caller is told that it takes a moment."""
    second: Seconds = 6.5
    """Seconds until the caller is told once more."""

    @model_validator(mode="after")
    def _in_order(self) -> FillerSection:
        if self.second <= self.first:
            raise refusal("must have second above first")
        return self


class SilenceSection(Section):
    """How long nobody may be there. Nobody is cut off before 40 s."""

    ghost_prompts: _Instants = (12.0, 24.0)
    """Seconds from the end of the first words, at which a caller who was never heard is asked."""
    ghost_end: _SilenceEnd = 40.0
    """Seconds until such a call is ended."""
    idle_prompts: _Instants = (10.0, 25.0)
    """Seconds from the end of the last words of either side, at which the caller is asked."""
    idle_end: _SilenceEnd = 45.0
    """Seconds until the goodbye."""
    awaited: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] = 90.0
    """Seconds of silence that `wait_for_caller` allows."""
    wordless: _SilenceEnd = 120.0
    """Seconds of noise without one intelligible word, until nobody human is there."""
    repeats: Annotated[int, Field(ge=2, le=100)] = 6
    """Near-identical turns of the caller's; with one more, nobody human is there."""
    ringing_out: _SilenceEnd = 300.0
    """Seconds without a transcript, a key or a tool, whatever is heard on the line: noise must not
    keep a dead call alive."""

    @model_validator(mode="after")
    def _in_order(self) -> SilenceSection:
        for prompts, name in ((self.ghost_prompts, "ghost"), (self.idle_prompts, "idle")):
            end = self.ghost_end if name == "ghost" else self.idle_end
            if list(prompts) != sorted(set(prompts)) or any(each >= end for each in prompts):
                raise refusal(f"must have {name}_prompts that rise and lie below {name}_end")
        return self


class BudgetSection(Section):
    """How much money a call may cost."""

    usd: _Usd = 5.0
    """US dollars; then the call is ended politely."""
    warn_at: Annotated[tuple[Share, ...], Field(strict=False)] = (0.5, 0.8)
    """Shares of it at which a warning is logged."""


class McpEntry(Section):
    """An MCP server that OpenAI calls by itself, during the call; we see what it did."""

    label: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]
    """what it is called in this agent: letters, digits, _ and -, a letter first"""
    url: str
    """its address, `https://…`, which OpenAI must be able to reach"""
    description: str = ""
    """What it offers; the model reads it to choose."""
    authorization: Annotated[str, Field(pattern=rf"^{SECRET_NAME.pattern}$")] | None = None
    """Name of a secret that holds an OAuth access token; OpenAI gets it, and sends it."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Headers that OpenAI sends; `${NAME}` in a value stands for a secret."""
    allowed_tools: Names | None = None
    """The only tools of it that the model may use; all without it."""
    require_approval: Literal["always", "never"] = "never"
    """Whether OpenAI asks the controller before it calls a tool."""
    approve: Names = ()
    """With `require_approval = "always"`: the tools that the controller approves; it refuses the
    others."""


def _disclosure(value: Any) -> Any:
    if value is False or (isinstance(value, str) and value.strip()):
        return value
    raise refusal(f"must be {_DISCLOSURE}")


def _greeting(value: Any) -> Any:
    if isinstance(value, dict) or (isinstance(value, str) and value.strip()):
        return value
    raise refusal('must be an instruction in quotes, or { verbatim = "the words" }')


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


def _filler(value: Any) -> Any:
    if value is False:
        return None
    if isinstance(value, dict | FillerSection):
        return value
    raise refusal("must be false, or a table such as { first = 1.8, second = 6.5 }")


def _budget(value: Any) -> Any:
    if value is False:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"usd": value}
    if isinstance(value, dict | BudgetSection):
        return value
    raise refusal("must be false, US dollars, or a table such as { usd = 5.0, warn_at = [0.8] }")


class FrontMatter(Section):
    """The keys of an agent file."""

    model: Text
    """Name of the Realtime model."""
    voice: Text
    """Voice of the model; cannot change during a call."""
    disclosure: Annotated[str | Literal[False], BeforeValidator(_disclosure)]
    """a text that must be heard first, or false; one of the two must be given"""
    extends: Text | None = None
    """Name of the agent to build upon: its keys hold where this file has none, and its instructions
    stand before these."""
    abstract: bool = False
    """Only there to be extended: answers no call, and may lack what others must have."""
    include: Names = ()
    """Files with further instructions, below `agents_dir` or shipped (`house-rules.md`); they stand
    last, each once."""
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] | None = None
    """Language in which the agent begins, such as "en" or "de-AT" (BCP 47): the model is told, and
    `transcription` expects it where it names none itself."""
    time_zone: TimeZone | None = None
    """Zone of `{{ date }}` and `{{ time }}`, such as "America/New_York"; by default that of
    `[policy]`."""
    description: str = ""
    """What the agent is for; other agents that may hand a call to it are told."""
    greeting: Annotated[Text | Verbatim | None, BeforeValidator(_greeting)] = None
    """What the model is told to say first, or `{ verbatim = "…" }` with the words themselves;
    without it the agent waits for the caller."""
    transcript: Literal["always", "after_disclosure", "never"] = "always"
    """Which words are kept: `always` all, `after_disclosure` those that follow a disclosure that
    was heard, `never` none."""
    tools: Names = ()
    """What the model may do: names of Python tools, of `http_tools`, and of the built-in `hang_up`,
    `transfer`, `handoff`, `collect_digits`, `take_message`, `wait_for_caller` and
    `no_transcript`."""
    targets: Names = ()
    """Names of the targets that `transfer` may use."""
    fallback: str | None = None
    """Name of the target that gets callers with whom nobody can talk: the model fails, or the
    connection to it is lost for good."""
    agents: Names = ()
    """Names of the agents to which `handoff` may hand the call; each needs a `description`. Voice
    and model stay."""
    http_tools: Annotated[tuple[HttpToolEntry, ...], Field(strict=False)] = ()
    """Tools that are HTTP requests, see below."""
    mcp: Annotated[tuple[McpEntry, ...], Field(strict=False)] = ()
    """MCP servers that OpenAI calls by itself, see below."""
    filler: Annotated[
        FillerSection | None,
        BeforeValidator(_filler, json_schema_input_type=Literal[False] | FillerSection),
    ] = FillerSection()
    """When something is said while a tool runs: seconds from its start; `false`: nothing."""
    patient: bool = False
    """Doubles all times of silence and of the keypad, for callers who use a relay or a text
    telephone."""
    silence: SilenceSection = SilenceSection()
    """How long nobody may be there, see below."""
    keypad: KeypadSection = KeypadSection()
    """What becomes of the caller's keys, see below."""
    turn_detection: Annotated[
        Annotated[ServerVad | SemanticVad, Field(discriminator="type")],
        BeforeValidator(
            _turn_detection,
            json_schema_input_type=Literal["server_vad", "semantic_vad"] | ServerVad | SemanticVad,
        ),
    ] = ServerVad(type="server_vad")
    """When the caller's turn is over: `"server_vad"`, `"semantic_vad"`, or a table with one of them
    as `type` and OpenAI's options: `threshold`, `prefix_padding_ms`, `silence_duration_ms`,
    `idle_timeout_ms`; `eagerness`."""
    noise_reduction: Literal["near_field", "far_field"] | None = None
    """`near_field`: a handset; `far_field`: a loudspeaker telephone. Off without it."""
    transcription: Annotated[
        Transcription | None,
        BeforeValidator(
            _transcription, json_schema_input_type=Literal[False] | Text | Transcription
        ),
    ] = Transcription()
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
    warn_before: Annotated[float, Field(ge=0, le=LONGEST_CALL)] | None = None
    """Seconds before that, at which the caller is told; 0: not. By default 120, or a quarter of
    `max_duration` where that is less."""
    at_the_end: Literal["goodbye", "transfer"] = "goodbye"
    """What follows `max_duration`: a `goodbye`, or a `transfer` to `fallback`."""
    budget: Annotated[
        BudgetSection | None,
        BeforeValidator(_budget, json_schema_input_type=Literal[False] | _Usd | BudgetSection),
    ] = BudgetSection()
    """What a call may cost: US dollars, or a table with `usd` and the shares `warn_at` at which a
    warning is logged; `false`: no limit. Counts only where the model has a price."""
