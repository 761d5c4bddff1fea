from __future__ import annotations

from controller.calls.redaction import redacted
from controller.sansio.commands import HangUpCall, RunTool
from controller.sansio.events import ToolCall


def run_tool(arguments: str, *, is_sensitive: bool = False) -> RunTool:
    call = ToolCall("call_1", "pay", arguments)
    return RunTool("tool-1", call, agent="frontdesk", is_sensitive=is_sensitive)


def test_the_arguments_of_a_sensitive_tool_are_left_out() -> None:
    kept = redacted(run_tool('{"digits":"1234"}', is_sensitive=True))

    assert kept == run_tool("", is_sensitive=True)


def test_the_number_of_a_card_is_blotted_out_and_the_rest_stays() -> None:
    kept = redacted(run_tool('{"card":"4111111111111111","name":"Eve"}'))

    assert kept == run_tool(f'{{"card":"{"•" * 16}","name":"Eve"}}')


def test_anything_else_is_kept_as_it_is() -> None:
    assert redacted(HangUpCall("hang_up-1")) == HangUpCall("hang_up-1")
    assert redacted(run_tool('{"day":"Monday"}')) == run_tool('{"day":"Monday"}')
