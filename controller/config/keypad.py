"""The caller's keys in an agent file: times, and a menu that works whatever the model does."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, model_validator

from controller.config.problems import refusal
from controller.config.section import Seconds, Section, Text
from controller.sansio.agent import Keypad, MenuEntry

KEYS: Final = frozenset("0123456789*#")
_WORDS: Final = ("repeat", "hang_up")


class KeyAction(Section):
    """What a key does, where that needs a name or words."""

    transfer: Text | None = None
    """Name of a target."""
    say: Text | None = None
    """Instruction for what the model says."""
    handoff: Text | None = None
    """Name of an agent."""

    @model_validator(mode="after")
    def _one_of_them(self) -> KeyAction:
        if len(self.model_fields_set) != 1:
            raise refusal("must hold one of transfer, say and handoff")
        return self


def _action(value: Any) -> Any:
    if isinstance(value, dict | KeyAction) or value in _WORDS:
        return value
    raise refusal('must be "repeat", "hang_up", or a table such as { transfer = "reception" }')


class KeypadSection(Section):
    """What becomes of the caller's keys."""

    menu: dict[
        str, Annotated[KeyAction | Literal["repeat", "hang_up"], BeforeValidator(_action)]
    ] = Field(default_factory=dict)
    """What a key does at once, even when the model is stuck: `"0" = { transfer = "reception" }`,
    `"1" = { say = "Tell the opening hours." }`, `"2" = { handoff = "billing" }`, `"9" = "repeat"`,
    `"#" = "hang_up"`."""
    first_digit_timeout: Seconds = 10.0
    """Seconds for the first digit of `collect_digits`."""
    inter_digit_timeout: Seconds = 4.0
    """Seconds from one digit to the next."""
    terminator: Literal["#", "*", ""] = "#"
    """Key that ends an entry; with `""` none does."""
    max_digits: Annotated[int, Field(ge=1, le=64)] = 32
    """Longest entry."""
    sensitive_tool: str | None = None
    """HTTP tool that alone gets the digits of `collect_digits(sensitive=true)`, in the body of a
    `POST`, `PUT` or `PATCH`; its one parameter is `digits`, and the model may not call it. They are
    blotted out of its answer."""


def keypad_of(section: KeypadSection, *, stretch: float) -> Keypad:
    """Return the keypad's rules; `stretch` is by how much patience lengthens its times."""
    return Keypad(
        menu=tuple(_entry(key, action) for key, action in section.menu.items()),
        first_digit_timeout=section.first_digit_timeout * stretch,
        inter_digit_timeout=section.inter_digit_timeout * stretch,
        terminator=section.terminator,
        max_digits=section.max_digits,
        sensitive_tool=section.sensitive_tool,
    )


def _entry(key: str, action: KeyAction | Literal["repeat", "hang_up"]) -> MenuEntry:
    if not isinstance(action, KeyAction):
        return MenuEntry(key, action)
    if action.transfer is not None:
        return MenuEntry(key, "transfer", action.transfer)
    if action.say is not None:
        return MenuEntry(key, "say", action.say)
    return MenuEntry(key, "handoff", action.handoff)
