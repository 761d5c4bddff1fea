"""Responses: one at a time, those that VAD starts included (rules 7 and 8).

A request waits in a queue until no response is active. What the far end refuses because it is
itself responding goes back to the front; what fails is asked for once more, then a line of apology
takes its place.
"""

from __future__ import annotations

from dataclasses import replace

from controller.sansio.commands import GiveToolOutputs, Say, SendFrame
from controller.sansio.events import (
    ChannelLost,
    DeadlineReached,
    FaultReported,
    Speech,
    ToolCall,
    ToolOutput,
    ToolsCalled,
    UsageReported,
)
from controller.sansio.realtime import codec, frames, hearing
from controller.sansio.realtime.codec import (
    FinishedResponse,
    ItemAdded,
    ResponseCreated,
    ResponseDone,
)
from controller.sansio.realtime.state import (
    ATTACHED,
    FINISHED_LIMIT,
    KEPT_LIMIT,
    Ask,
    Out,
    Phase,
    Request,
    Turn,
    TurnState,
    TurnTerms,
    enqueue,
    number,
    unheard,
)

TRIES = 2
"""A response that failed is asked for once more (rule 7)."""
FALLBACK = (
    "Tell the caller in one short sentence, in the language of the conversation, that you had a "
    "technical problem, and ask them to say that again."
)


# --- asking ------------------------------------------------------------------------------------


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


# --- a response begins -------------------------------------------------------------------------


def created(terms: TurnTerms, turns: TurnState, event: ResponseCreated, now: float) -> Turn:
    """A response has the floor. Is it ours?"""
    response = event.response
    mark = response.metadata.get(frames.MARK) if isinstance(response.metadata, dict) else None
    outs: tuple[Out, ...] = ()
    if turns.phase is not Phase.REQUESTED or not _is_mark(turns, mark):
        turns, outs = _give_way(turns)
        turns = _take_up(turns, mark)
    turns = replace(
        turns,
        phase=Phase.RESPONDING,
        phase_until=now + terms.pace.finish,
        current_id=response.id,
    )
    return turns, outs


def _is_mark(turns: TurnState, mark: str | None) -> bool:
    """Tell whether a response is that of the current request; without a mark it may well be."""
    return turns.current is not None and (mark is None or mark in turns.current.marks)


def _take_up(turns: TurnState, mark: str | None) -> TurnState:
    """A response came for a request that was given up already: it is that request's after all."""
    late = next((each for each in turns.queue if mark in each.marks), None)
    if late is None:
        return replace(turns, committed=False)  # whoever responds answers what was said
    queue = tuple(each for each in turns.queue if each is not late)
    return replace(turns, current=late, queue=queue)


def _give_way(turns: TurnState) -> Turn:
    """Another response has the floor: ours waits, and one answer to the caller is enough."""
    queue = tuple(request for request in turns.queue if request.ask is not Ask.CALLER)
    current, turns = turns.current, replace(turns, current=None, queue=queue)
    if current is None or current.ask is Ask.CALLER:
        return turns, ()
    if turns.phase is Phase.REQUESTED:
        return _front(turns, current), ()
    return turns, unheard(current)  # its response.done never came


def _front(turns: TurnState, request: Request) -> TurnState:
    """Put a request back; the attempt does not count."""
    again = replace(request, tries=max(0, request.tries - 1))
    return replace(turns, queue=(again, *turns.queue))


def conflict(terms: TurnTerms, turns: TurnState, now: float) -> Turn:
    """Ours was refused because a response is active: wait for that one's end (rule 7)."""
    current = turns.current
    turns = replace(
        turns,
        phase=Phase.RESPONDING,
        phase_until=now + terms.pace.conflict,
        current=None,
    )
    if current is None or current.ask is Ask.CALLER:
        return turns, ()  # whoever responds answers the caller
    return _front(turns, current), ()


# --- a response ends ---------------------------------------------------------------------------


def done(terms: TurnTerms, turns: TurnState, event: ResponseDone, now: float) -> Turn:
    """A response was generated, cut off, or failed."""
    response = event.response
    if response.id in turns.finished:
        return turns, ()
    turns = replace(turns, finished=(*turns.finished, response.id)[-FINISHED_LIMIT:])
    outs: tuple[Out, ...] = (UsageReported(codec.usage(response)),)
    active = turns.phase is Phase.RESPONDING and turns.current_id in {None, response.id}
    request = turns.current if active else None
    if active:
        turns = _floor_free(turns)
    say_id = request.say_id if request is not None and request.say_id else response.id
    turns, words, silent = _words(terms, turns, response, say_id, now)
    outs += words
    match response.status:
        case "completed" | None:
            outs += _tool_calls(turns, response, say_id, silent=silent)
        case "failed" | "incomplete" if silent and active:
            turns, more = _failed(terms, turns, request, response, now)
            return turns, (*outs, *more)
    if silent and request is not None:
        outs += unheard(request)
    return turns, outs


def _floor_free(turns: TurnState) -> TurnState:
    return replace(turns, phase=Phase.IDLE, phase_until=None, current=None, current_id=None)


def _words(
    terms: TurnTerms, turns: TurnState, response: FinishedResponse, say_id: str, now: float
) -> tuple[TurnState, tuple[Out, ...], bool]:
    """Follow the words of a finished response to the caller's ear; say whether it had none."""
    spoken = [words for item in codec.items(response) if (words := codec.words(item)) is not None]
    heard_of = any(voice.response_id == response.id for voice in turns.voices)
    if not spoken and not heard_of:
        return turns, (), True
    characters = 0 if response.status == "cancelled" else sum(map(len, spoken)) or None
    ids = (response.id, say_id)
    turns, outs = hearing.generated(terms, turns, ids, characters=characters, now=now)
    return turns, outs, False


def _tool_calls(
    turns: TurnState, response: FinishedResponse, say_id: str, *, silent: bool
) -> tuple[Out, ...]:
    """Collect the finished function calls of a completed response, and of no other (rule 8)."""
    calls = tuple(
        ToolCall(item.call_id, item.name, item.arguments or "{}")
        for item in codec.items(response)
        if item.type == "function_call"
        and item.call_id
        and item.name
        and item.status in {"completed", None}
    )
    if not calls:
        return ()
    if silent:
        return (ToolsCalled(say_id, Speech.SILENT, calls),)
    playing = any(voice.response_id == response.id for voice in turns.voices)
    return (ToolsCalled(say_id, Speech.UNHEARD if playing else Speech.HEARD, calls),)


def _failed(
    terms: TurnTerms,
    turns: TurnState,
    request: Request | None,
    response: FinishedResponse | None,
    now: float,
) -> Turn:
    """Ask once more, then apologise: the caller would hear nothing at all (rule 7)."""
    error = codec.details(response).error if response is not None else None
    code = error.code if error is not None and error.code else "response_failed"
    report = FaultReported(code)
    request = request or Request(Ask.CALLER, tries=1)
    if turns.held and request.ask is not Ask.SAY:
        return turns, (report,)  # no other turn starts while turns are held
    turns = replace(turns, speak_after=now + terms.pace.retry)
    if request.tries < TRIES:
        return replace(turns, queue=(request, *turns.queue)), (report,)
    if request.ask is Ask.SAY:
        return turns, (report, *unheard(request))
    fallbacks = turns.fallbacks + 1
    instructions = f"{terms.agent.instructions}\n\n{FALLBACK}"
    apology = Request(Ask.SAY, f"fallback-{fallbacks}", instructions)
    turns = replace(turns, fallbacks=fallbacks, queue=(apology, *turns.queue))
    return turns, (report,)


def refused(terms: TurnTerms, turns: TurnState, code: str, now: float) -> Turn:
    """Our request was refused for another reason than a conflict: it will not get better."""
    request = turns.current
    turns = _floor_free(turns)
    if request is not None:
        request = replace(request, tries=TRIES)
    turns, outs = _failed(terms, turns, request, None, now)
    return turns, (FaultReported(code), *outs)


# --- time and loss -----------------------------------------------------------------------------


def never_started(terms: TurnTerms, turns: TurnState, _event: DeadlineReached, now: float) -> Turn:
    """`response.created` never came: treat the request as failed."""
    request = turns.current
    return _failed(terms, _floor_free(turns), request, None, now)


def never_finished(terms: TurnTerms, turns: TurnState, _event: DeadlineReached, now: float) -> Turn:
    """`response.done` never came: cancel whatever is active, and go on."""
    request, known = turns.current, turns.current_id
    turns, event_id = number(_floor_free(turns))
    owed: tuple[Out, ...] = ()
    if known is not None:
        say_id = request.say_id if request is not None and request.say_id else known
        turns, owed = hearing.generated(terms, turns, (known, say_id), characters=0, now=now)
    elif request is not None:
        owed = unheard(request)
    return turns, (frames.response_cancel(event_id), FaultReported("response_overdue"), *owed)


def lost(terms: TurnTerms, turns: TurnState, _event: ChannelLost, now: float) -> Turn:
    """The socket is gone; what was being said may have been heard, and is not said again."""
    request, known = turns.current, turns.current_id
    was_requested = turns.phase is Phase.REQUESTED
    turns = replace(_floor_free(turns), phase=Phase.DETACHED, update_id=None)
    if request is None:
        return turns, ()
    if request.ask is not Ask.SAY:
        # A turn that was only asked for is asked for again; a conflict would be recovered from.
        return (_front(turns, request) if was_requested else turns), ()
    ids = (known or request.say_id, request.say_id)
    return hearing.generated(terms, turns, ids, characters=None, now=now)
