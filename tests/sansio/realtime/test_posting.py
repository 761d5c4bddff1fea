"""What we put into the conversation: outputs, notes; approvals are told with their servers."""

from __future__ import annotations

from controller.sansio.commands import GiveToolOutputs, Inject
from controller.sansio.events import ChannelLost, ChannelOpened, FaultReported, Ready, ToolOutput
from controller.sansio.realtime.state import KEPT_LIMIT
from tests.sansio.driving import TurnStory, message, only, sent, turning, types


def outputs(*names: str, respond: bool = True) -> GiveToolOutputs:
    return GiveToolOutputs(tuple(ToolOutput(name, "open") for name in names), respond)


def reattach(story: TurnStory) -> tuple[object, ...]:
    story.receive(ChannelLost())
    story.receive(ChannelOpened(), after=1.0)
    return story.hears("session.created")


def posted(outs: tuple[object, ...]) -> list[str]:
    return [each["item"]["call_id"] for each in sent(outs, "conversation.item.create")]


# --- outputs ------------------------------------------------------------------------------------


def test_outputs_are_posted_and_then_one_response_asked_for() -> None:
    story = turning()
    outs = story.receive(outputs("t1", "t2"))
    assert types(outs) == ["conversation.item.create"] * 2 + ["response.create"]
    assert "instructions" not in sent(outs)[-1]["response"]


def test_outputs_without_a_response_are_posted_alone() -> None:
    assert types(turning().receive(outputs("t1", respond=False))) == ["conversation.item.create"]


def test_outputs_during_a_response_are_posted_and_answered_once_after_it() -> None:
    story = turning()
    story.begins("r1", ours=False)
    assert types(story.receive(outputs("t1"))) == ["conversation.item.create"]
    assert types(story.receive(outputs("t2"))) == ["conversation.item.create"]
    assert types(story.finishes("r1", message())) == ["response.create"]
    assert story.turns.value.queue == ()


def test_outputs_that_were_not_acknowledged_are_posted_again_after_a_reattach() -> None:
    story = turning()
    story.receive(outputs("t1", "t2", respond=False))
    item = {"type": "function_call_output", "call_id": "t1"}
    story.hears("conversation.item.added", item={**item, "call_id": "t7"})
    story.hears("conversation.item.added", item=item)
    posted = sent(reattach(story), "conversation.item.create")
    assert [each["item"]["call_id"] for each in posted] == ["t2"]


def test_outputs_without_a_socket_wait_and_only_the_newest_are_kept() -> None:
    story = turning()
    story.receive(ChannelLost())
    for number in range(KEPT_LIMIT + 3):
        assert story.receive(outputs(f"t{number}", respond=False)) == ()
    story.receive(ChannelOpened())
    posted = sent(story.hears("session.created"), "conversation.item.create")
    assert len(posted) == KEPT_LIMIT
    assert posted[0]["item"]["call_id"] == "t3"


def test_an_output_that_is_complete_in_the_conversation_has_arrived() -> None:
    story = turning()
    story.receive(outputs("t1", "t2", respond=False))
    item = {"type": "function_call_output", "call_id": "t1"}
    story.hears("conversation.item.done", item=item)
    assert posted(reattach(story)) == ["t2"]


def test_an_output_that_is_never_acknowledged_is_posted_twice_again_and_then_dropped() -> None:
    story = turning()
    story.receive(outputs("t1", respond=False))
    assert posted(reattach(story)) == ["t1"]
    assert posted(reattach(story)) == ["t1"]
    outs = reattach(story)
    assert posted(outs) == []
    assert FaultReported("item_unacknowledged") in outs
    assert story.turns.value.outputs == ()


def test_an_output_that_the_conversation_has_already_is_not_posted_again() -> None:
    story = turning()
    (first, _) = sent(story.receive(outputs("t1", "t2", respond=False)))
    story.hears("error", error={"code": "duplicate_item", "event_id": first["event_id"]})
    story.hears("error", error={"code": "other", "event_id": None})
    assert posted(reattach(story)) == ["t2"]


def test_only_the_newest_outputs_are_kept() -> None:
    story = turning()
    for number in range(KEPT_LIMIT + 2):
        story.receive(outputs(f"t{number}", respond=False))
    assert len(story.turns.value.outputs) == KEPT_LIMIT


# --- notes --------------------------------------------------------------------------------------


def test_notes_wait_for_a_socket_and_are_sent_once() -> None:
    story = turning()
    assert types(story.receive(Inject("One."))) == ["conversation.item.create"]
    story.receive(ChannelLost())
    assert story.receive(Inject("Two.")) == ()
    story.receive(ChannelOpened())
    outs = story.hears("session.created")
    assert [each["item"]["content"][0]["text"] for each in sent(outs)[1:]] == ["Two."]
    assert only(Ready, outs) == [Ready()]
