"""Whole calls that go as they should, over the real clients, against the simulator."""

from __future__ import annotations

import asyncio

import pytest

from controller.simulator import EndedBy, SimulatedCall
from controller.tools import CallContext, tool
from tests.calls.house import PATIENT, TARGET, Open

pytestmark = pytest.mark.looptime

HOURS = """
caller = ["Hi, when are you open on Monday?", "Thanks, goodbye."]

[[model]]
when = "greeting"
says = "Thank you for calling Acme Dental. How can I help?"

[[model]]
heard = "open on Monday"
calls = { opening_hours = { day = "Monday" } }

[[model]]
after = "opening_hours"
says = "We are open {output}."

[[model]]
heard = "goodbye"
says = "Goodbye!"
calls = "hang_up"
"""

ASKS_FOR_A_PERSON = """
caller = ["A person, please."]

[[model]]
heard = "person"
says = "I will connect you."
calls = { transfer = { target = "reception" } }
"""


def client_types(call: SimulatedCall) -> list[str]:
    return [str(event["type"]) for event in call.client_events]


async def test_a_caller_is_greeted_helped_by_a_tool_and_said_goodbye_to(open_house: Open) -> None:
    house = await open_house()

    call = await house.play(HOURS)

    assert house.outcomes == [("we_hung_up", None)]
    assert (await call.ended).by is EndedBy.HUNG_UP
    assert call.heard == [
        "Thank you for calling Acme Dental. How can I help?",
        "We are open Monday: from 8 to 18.",
        "Goodbye!",
    ]
    assert call.tool_outputs[0] == ("opening_hours", "Monday: from 8 to 18")
    assert house.verbs() == ["accept 200", "hangup 200"]


async def test_numbers_of_a_call_reach_the_meter(open_house: Open) -> None:
    house = await open_house()

    await house.play(HOURS)

    assert house.meter.outcomes == {"we_hung_up": 1}
    assert house.meter.live == [1, 0]
    assert [run[:2] for run in house.meter.tools] == [("opening_hours", "ok")]
    (answer_time,), (session_time,) = house.meter.answer_times, house.meter.session_times
    assert answer_time == 0
    assert session_time < 1
    assert house.meter.alarms == {}


async def test_a_tool_output_is_posted_before_the_one_response_that_it_asks_for(
    open_house: Open,
) -> None:
    house = await open_house()

    call = await house.play(HOURS)

    types = client_types(call)
    # the greeting, the end of its hold, the tool, and the silent output of `hang_up`
    assert types[:4] == [
        "response.create",
        "session.update",
        "conversation.item.create",
        "response.create",
    ]
    assert types.count("response.create") == 2


async def test_what_the_caller_pressed_and_said_is_counted_and_not_logged(open_house: Open) -> None:
    house = await open_house()

    await house.play(
        'caller = [{ presses = "4711" }, "My name is Zacharias.", { hangs_up = true }]'
    )

    (line,) = house.lines
    assert line["digits"] == 4
    assert line["transcript_lines"] >= 2
    assert "Zacharias" not in str(house.log)
    assert "4711" not in str(line)


async def test_every_line_of_a_call_names_it(open_house: Open) -> None:
    house = await open_house()

    call = await house.play(HOURS)

    of_call = [entry for entry in house.log if entry["event"] in {"call", "answered"}]
    assert len(of_call) == 2
    assert len({entry["call_id"] for entry in of_call}) == 1
    assert {entry["sip_call_id"] for entry in of_call} == {call.sip_call_id}


async def test_a_silent_hang_up_asks_for_a_goodbye_first(open_house: Open) -> None:
    house = await open_house()

    call = await house.play(
        'caller = ["That is all."]\n[[model]]\nheard = "that is all"\ncalls = "hang_up"'
    )

    assert house.outcomes == [("we_hung_up", None)]
    assert call.heard[-1] == "Goodbye."


async def test_a_spoken_hang_up_waits_until_its_words_were_heard(open_house: Open) -> None:
    house = await open_house()

    call = await house.play(HOURS)

    entries = [entry.name for entry in call.entries]
    hung_up_at = entries.index("hangup")
    assert entries[:hung_up_at].count("output_audio_buffer.stopped") == 3


@pytest.mark.parametrize(
    ("fault", "outcome", "verbs"),
    [
        ("", "referred_unconfirmed", ["refer 200"]),
        ("refer_leaves_at_once", "referred_unconfirmed", ["refer 200"]),
        ("refer_leaves_on_answer", "referred_unconfirmed", ["refer 200"]),
        ("refer_caller_gives_up", "referred_unconfirmed", ["refer 200"]),
        ("refer_timeout_landed", "referred_unconfirmed", ["refer timeout"]),
        # The caller is still there, and hangs up at the end of the script.
        ("refer_ignored", "caller_hung_up", ["refer 200"]),
        ("refer_400", "caller_hung_up", ["refer 400", "refer 400"]),
        ("refer_403", "caller_hung_up", ["refer 403", "refer 403"]),
        ("refer_404", "caller_hung_up", ["refer 404", "refer 404"]),
        ("refer_500", "caller_hung_up", ["refer 500", "refer 500"]),
    ],
)
async def test_a_transfer_claims_no_more_than_a_refer_tells(
    open_house: Open, fault: str, outcome: str, verbs: list[str]
) -> None:
    house = await open_house(agent={"silence": PATIENT})

    faults = [fault] if fault else []
    call = await house.play("stays = 60.0\n" + ASKS_FOR_A_PERSON, *faults)

    assert house.outcomes == [(outcome, None)]
    assert house.verbs() == ["accept 200", *verbs]
    if "200" in verbs[0] or "timeout" in verbs[0]:
        assert call.referred_to == [TARGET]
    (line,) = house.lines
    assert line["transfers"] == len(verbs)


async def test_a_tool_learns_which_call_it_works_for(open_house: Open) -> None:
    contexts: list[CallContext] = []

    @tool
    async def opening_hours(day: str, *, context: CallContext) -> str:
        """Opening hours for a day of the week."""
        contexts.append(context)
        return "from 8 to 18"

    house = await open_house(tools=[opening_hours])

    call = await house.play(HOURS)

    (context,) = contexts
    assert context.call_id == house.lines[0]["call_id"]
    assert context.sip_call_id == call.sip_call_id
    assert (context.caller_shown, context.called_number) == ("+12025550101", "+12025550100")
    assert context.agent == "frontdesk"


async def test_two_tools_of_one_response_run_side_by_side(open_house: Open) -> None:
    running: list[str] = []
    most: list[int] = []

    @tool
    async def opening_hours(day: str) -> str:
        """Opening hours for a day of the week."""
        running.append(day)
        most.append(len(running))
        await asyncio.sleep(1.5)  # no filler yet
        running.remove(day)
        return day

    house = await open_house(tools=[opening_hours])

    call = await house.play("""
        caller = ["Both days?", { waits = 8 }, { hangs_up = true }]
        [[model]]
        heard = "both days"
        calls = [{ opening_hours = { day = "Monday" } }, { opening_hours = { day = "Friday" } }]
        """)

    assert max(most) == 2
    assert sorted(output for _, output in call.tool_outputs) == ["Friday", "Monday"]
    assert client_types(call).count("response.create") == 2  # greeting, and one for both tools


async def test_the_model_is_told_that_a_tool_took_too_long(open_house: Open) -> None:
    @tool(timeout=2)
    async def opening_hours(day: str) -> str:
        """Opening hours for a day of the week."""
        await asyncio.sleep(3600)
        return day

    house = await open_house(tools=[opening_hours])

    call = await house.play(HOURS)

    assert "took too long" in call.tool_outputs[0][1]
    assert house.meter.tools == [("opening_hours", "timeout", 2.0)]


async def test_the_longest_duration_ends_a_call_with_a_word_of_why(open_house: Open) -> None:
    house = await open_house(agent={"max_duration": 20.0, "silence": PATIENT})

    call = await house.play("stays = 3600.0")

    assert house.outcomes == [("max_duration", None)]
    assert len(call.heard) == 2
    (line,) = house.lines
    assert 20 <= line["talk_s"] < 40


async def test_a_call_ends_before_the_provider_ends_its_session(open_house: Open) -> None:
    house = await open_house(agent={"max_duration": 7200.0, "silence": PATIENT})

    await house.play("stays = 7200.0")

    assert house.outcomes == [("max_duration", None)]
    assert 3480 <= house.lines[0]["talk_s"] < 3600


async def test_a_refused_config_is_answered_again_with_the_minimal_one_and_completed(
    open_house: Open,
) -> None:
    house = await open_house()

    call = await house.play(HOURS, "accept_400_unknown_parameter")

    assert house.verbs() == ["accept 400", "accept 200", "hangup 200"]
    assert house.outcomes == [("we_hung_up", None)]
    assert client_types(call)[0] == "session.update"
    assert "tools" in call.client_events[0]["session"]


async def test_frames_that_nobody_can_read_end_nothing_and_are_counted(open_house: Open) -> None:
    house = await open_house()

    await house.play(HOURS, "malformed_frames")

    assert house.outcomes == [("we_hung_up", None)]
    assert sum(house.meter.ignored.values()) > 3
    assert set(house.meter.ignored) <= {"not_json", "malformed", "binary"}


@pytest.mark.parametrize(
    "fault",
    [
        "accept_slow",
        "huge_frames",
        "session_created_late",
        "session_update_refused",
        "response_ignored",
        "response_conflict",
        "response_failed",
        "response_rate_limited",
        "response_done_twice",
        "playback_never_stops",
        "transcript_late",
        "transcript_failed",
        "attach_404",
        "attach_500",
        "attach_hangs",
        "hangup_404",
        "hangup_500",
        "hangup_timeout",
        "slow_reader",
    ],
)
async def test_a_fault_on_the_way_does_not_cost_the_caller_the_call(
    open_house: Open, fault: str
) -> None:
    house = await open_house()

    call = await house.play(HOURS, fault)

    assert house.outcomes == [("we_hung_up", None)]
    assert call.tools_called.count("opening_hours") >= 1
    assert [name for name, _ in call.tool_outputs].count("opening_hours") == 1


async def test_a_tool_of_a_cancelled_response_is_not_run(open_house: Open) -> None:
    house = await open_house()

    call = await house.play(HOURS, "tool_call_cancelled")

    assert house.meter.tools == []
    assert call.tools_called.count("opening_hours") == 1
