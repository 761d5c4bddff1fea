"""What we promise of any call, looked up in what reached the stand-in for OpenAI."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from controller.sansio.call import Limits
from controller.sansio.realtime import Pace
from controller.simulator.journal import Entry, Source

SENT = frozenset({Source.SERVER, Source.LOST})
"""Events of the far end, those that nobody received included."""
TRANSIT = 0.05
"""Seconds, virtual ones, in which what is on its way may cross what comes."""


def check(entries: list[Entry], *, has_settled: bool) -> None:
    """Check everything that a journal shows of one call.

    Args:
        entries: of the call.
        has_settled: the call was left alone, without a fault, for as long as any tool takes.
    """
    check_one_response_is_asked_for_at_a_time(entries)
    check_one_response_is_active_at_a_time(entries)
    check_no_word_after_the_hang_up(entries)
    check_silence_after_a_referral(entries)
    check_each_output_is_given_once_a_sideband(entries)
    check_nothing_is_approved_twice(entries)
    if has_settled:
        check_every_tool_call_has_its_output(entries)


def check_one_response_is_asked_for_at_a_time(entries: Iterable[Entry]) -> None:
    """No second response is asked for before the first was begun, refused, lost or given up."""
    asked, asked_at = None, 0.0
    for entry in entries:
        match entry.source, entry.name:
            case Source.CLIENT, "response.create":
                is_given_up = entry.at >= asked_at + Pace().start
                assert asked is None or is_given_up, "two responses are asked for"
                asked, asked_at = entry.body["event_id"], entry.at
            case ((Source.SERVER | Source.LOST), "response.created" | "response.done"):
                asked = None  # it is ours, or another one's, and ours has to be asked for again
            case ((Source.SERVER | Source.LOST), "error"):
                if entry.body["error"].get("event_id") == asked:
                    asked = None
            case Source.CALL, "sideband closed":
                asked = None
            case _:
                pass


def check_one_response_is_active_at_a_time(entries: Iterable[Entry]) -> None:
    """The far end never has two, and we ask for none beside one that we were told of."""
    active: set[str] = set()
    known: dict[str, float] = {}
    for entry in entries:
        match entry.source, entry.name:
            case ((Source.SERVER | Source.LOST), "response.created"):
                active.add(entry.body["response"]["id"])
                assert len(active) == 1, "two responses are active"
                if entry.source is Source.SERVER:
                    known[entry.body["response"]["id"]] = entry.at
            case ((Source.SERVER | Source.LOST), "response.done"):
                active.discard(entry.body["response"]["id"])
                known.pop(entry.body["response"]["id"], None)
            case Source.CLIENT, "response.create":
                told = [at for at in known.values() if at < entry.at - TRANSIT]
                assert not told, "a response is asked for beside one that is active"
            case Source.CLIENT, "response.cancel":
                known.clear()  # whatever becomes of the cancel, we have given it up
            case Source.CALL, "sideband closed":
                known.clear()  # what is active now nobody told us
            case _:
                pass


def check_no_word_after_the_hang_up(entries: list[Entry]) -> None:
    """After the request to hang up nothing more is asked for, and nothing more is begun."""
    asked_at = next(
        (at for at, entry in enumerate(entries) if _is(entry, Source.REQUEST, "hangup")), None
    )
    for entry in entries[asked_at:] if asked_at is not None else ():
        assert not _is(entry, Source.CLIENT, "response.create"), "words after the hang-up"
        began = entry.source in SENT and entry.name == "output_audio_buffer.started"
        is_late = entry.at > entries[asked_at or 0].at + TRANSIT
        assert not (began and is_late), "a voice after the hang-up"


def check_silence_after_a_referral(entries: list[Entry]) -> None:
    """From the 200 of a REFER on: no word asked for and no other REFER, for as long as it takes."""
    until, why = 0.0, "asked for while a referral is pending"
    for entry in entries:
        match entry.source, entry.name:
            case Source.REPLY, "refer" if entry.body["status"] == 200:
                until = entry.at + Limits().refer
            case (Source.CLIENT, "response.create") | (Source.REQUEST, "refer"):
                assert entry.at >= until - TRANSIT, f"{entry.name} is {why}"
            case _:
                pass


def check_each_output_is_given_once_a_sideband(entries: Iterable[Entry]) -> None:
    """A tool's output is posted again over another sideband at most."""
    given: set[str] = set()
    for entry in entries:
        if _is(entry, Source.CALL, "sideband closed"):
            given.clear()
        elif (item := _item(entry, "function_call_output")) is not None:
            assert item["call_id"] not in given, "an output is given twice"
            given.add(item["call_id"])


def check_nothing_is_approved_twice(entries: Iterable[Entry]) -> None:
    """A request for approval is answered once, and otherwise over another sideband."""
    given: set[str] = set()
    for entry in entries:
        if _is(entry, Source.CALL, "sideband closed"):
            given.clear()
        elif (item := _item(entry, "mcp_approval_response")) is not None:
            assert item["approval_request_id"] not in given, "an approval is given twice"
            given.add(item["approval_request_id"])


def check_every_tool_call_has_its_output(entries: list[Entry]) -> None:
    """Each function call of a completed response that reached us was answered, once in the end."""
    called = [
        item["call_id"]
        for entry in entries
        if _is(entry, Source.SERVER, "response.done")
        and entry.body["response"]["status"] == "completed"
        for item in entry.body["response"]["output"]
        if item["type"] == "function_call"
    ]
    outputs = (_item(entry, "function_call_output") for entry in entries)
    answered = {item["call_id"] for item in outputs if item is not None}
    assert [each for each in called if each not in answered] == []


def _is(entry: Entry, source: Source, name: str) -> bool:
    return (entry.source, entry.name) == (source, name)


def _item(entry: Entry, kind: str) -> dict[str, Any] | None:
    """Return the item that a client event creates, if it is of that kind."""
    if not _is(entry, Source.CLIENT, "conversation.item.create"):
        return None
    item: dict[str, Any] = entry.body["item"]
    return item if item["type"] == kind else None
