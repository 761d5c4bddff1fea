"""Asking for responses: one at a time, the others wait (rule 7)."""

from __future__ import annotations

from controller.sansio.commands import GiveToolOutputs, Say, SendFrame
from controller.sansio.events import (
    FaultReported,
    SpeechHeard,
    ToolOutput,
)
from controller.sansio.realtime import frames
from controller.sansio.realtime.codec import ItemAdded
from controller.sansio.realtime.state import (
    ATTACHED,
    KEPT_LIMIT,
    Ask,
    Out,
    Phase,
    Request,
    Turn,
    TurnState,
    TurnTerms,
    number,
)
from controller.sansio.value import replace

QUEUE_LIMIT = 16
"""Requests that may wait; one more is refused: its words count as not heard, and it is reported."""
MARKS_LIMIT = 8
"""Times that one request is sent: a far end that always has something else to say must not keep
its words waiting for ever."""


def say(terms: TurnTerms, turns: TurnState, command: Say, _now: float) -> Turn:
    """Queue words of ours."""
    text = command.text
    if command.verbatim:
        text = f"Say exactly the following words to the caller, and nothing else:\n{text}"
    # A response's instructions replace the session's: the agent's own keep manner and language.
    instructions = f"{terms.agent.instructions}\n\n{text}"
    return enqueue(turns, Request(Ask.SAY, command.say_id, instructions))


def give_outputs(
    _terms: TurnTerms, turns: TurnState, command: GiveToolOutputs, _now: float
) -> Turn:
    """Post every output, then ask for one response (rule 8)."""
    outputs = (*turns.outputs, *command.outputs)[-KEPT_LIMIT:]
    turns = replace(turns, outputs=outputs)
    sent: tuple[Out, ...] = ()
    if turns.phase in ATTACHED:
        turns, sent = post(turns, command.outputs)
    if not command.respond:
        return turns, sent
    turns, refused = enqueue(turns, Request(Ask.TOOLS))
    return turns, (*sent, *refused)


def post(
    turns: TurnState, outputs: tuple[ToolOutput, ...]
) -> tuple[TurnState, tuple[SendFrame, ...]]:
    """Send outputs; they are kept until the far end shows them in the conversation."""
    sent = []
    for output in outputs:
        turns, event_id = number(turns)
        sent.append(frames.tool_output(event_id, output))
    return turns, tuple(sent)


def item_added(_terms: TurnTerms, turns: TurnState, event: ItemAdded, _now: float) -> Turn:
    """An output has arrived: it need not be posted again."""
    if event.item.type != "function_call_output":
        return turns, ()
    left = tuple(each for each in turns.outputs if each.tool_call_id != event.item.call_id)
    return replace(turns, outputs=left), ()


def pump(terms: TurnTerms, turns: TurnState, now: float) -> Turn:
    """Ask for the next response, if nobody has the floor."""
    if turns.phase is not Phase.IDLE or turns.silent or now < turns.speak_after:
        return turns, ()
    if not turns.queue:
        return turns, ()
    request, *queue = turns.queue
    turns, event_id = number(turns)
    turns = replace(
        turns,
        phase=Phase.REQUESTED,
        phase_until=now + terms.pace.start,
        queue=tuple(queue),
        current=replace(request, tries=request.tries + 1, marks=(*request.marks, event_id)),
    )
    return turns, (frames.response_create(event_id, request.instructions),)


def put_back(turns: TurnState, request: Request) -> Turn:
    """Let a request wait again; the attempt does not count, but there is an end to attempts."""
    if request.ask is Ask.CALLER:
        return turns, ()  # whoever has the floor answers the caller
    if len(request.marks) >= MARKS_LIMIT:
        return turns, (FaultReported("too_many_tries"), *unheard(request))
    return put_first(turns, replace(request, tries=max(0, request.tries - 1)))


def put_first(turns: TurnState, request: Request) -> Turn:
    """Put a request before all others, unless nothing more is to be asked for."""
    if turns.silent or request.stopped:
        return turns, unheard(request)
    if turns.held and request.ask is not Ask.SAY:
        return replace(turns, committed=True), ()  # no other turn starts while turns are held
    return replace(turns, queue=(request, *turns.queue)), ()


def enqueue(turns: TurnState, request: Request) -> Turn:
    """Let a request wait for its turn. One response answers all tool outputs and all words."""
    if request.ask is not Ask.SAY and is_waiting(turns, request.ask):
        return turns, ()
    if len(turns.queue) >= QUEUE_LIMIT:
        full = FaultReported("too_many_requests")
        return turns, (full, *unheard(request))
    return replace(turns, queue=(*turns.queue, request)), ()


def is_waiting(turns: TurnState, ask: Ask) -> bool:
    """Tell whether a request of that kind waits."""
    return any(request.ask is ask for request in turns.queue)


def unheard(request: Request) -> tuple[SpeechHeard, ...]:
    """Return what a request owes when its words will not be heard."""
    return (SpeechHeard(request.say_id, certain=False),) if request.ask is Ask.SAY else ()
