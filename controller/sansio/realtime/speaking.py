"""Responses: one at a time, those that VAD starts included (rules 7 and 8).

A request waits in a queue until no response is active. What the far end refuses because it is
itself responding goes back to the front; what fails is asked for once more, then a line of apology
takes its place.
"""

from __future__ import annotations

from controller.sansio.commands import GiveToolOutputs, Say, SendFrame
from controller.sansio.events import (
    ChannelLost,
    DeadlineReached,
    FaultReported,
    Speech,
    SpeechHeard,
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
    MARKS_LIMIT,
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
from controller.sansio.value import replace

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
    is_active = turns.phase is Phase.RESPONDING and response.id == turns.current_id
    if is_active or response.id in turns.finished:
        return turns, ()  # said twice
    mark = codec.mark(response.metadata)
    outs: tuple[Out, ...] = ()
    if turns.phase is not Phase.REQUESTED or not _may_be_ours(turns, mark):
        turns, outs = _give_way(terms, turns, now)
        turns = _take_up(turns, mark)
    turns = replace(
        turns,
        phase=Phase.RESPONDING,
        phase_until=now + terms.pace.finish,
        current_id=response.id,
        confirmed=turns.current is not None and mark is not None,
        echoes=turns.echoes or mark is not None,
    )
    return turns, outs


def _may_be_ours(turns: TurnState, mark: str | None) -> bool:
    """Tell whether a response is that of the current request.

    Without a mark it may well be, unless the far end is known to echo them.
    """
    if mark is None:
        return not turns.echoes
    return turns.current is not None and mark in turns.current.marks


def _take_up(turns: TurnState, mark: str | None) -> TurnState:
    """A response came for a request that was given up already: it is that request's after all."""
    late = next((each for each in turns.queue if mark in each.marks), None)
    if late is None:
        return replace(turns, committed=False)  # whoever responds answers what was said
    queue = tuple(each for each in turns.queue if each is not late)
    return replace(turns, current=late, queue=queue)


def _give_way(terms: TurnTerms, turns: TurnState, now: float) -> Turn:
    """Another response has the floor: ours waits, and one answer to the caller is enough."""
    queue = tuple(request for request in turns.queue if request.ask is not Ask.CALLER)
    current, turns = turns.current, replace(turns, current=None, queue=queue)
    if current is not None and turns.phase is Phase.REQUESTED:
        return _put_back(turns, current)
    turns, owed = hearing.abandoned(terms, turns, now)  # the response.done of ours never came
    said = current is not None and _is_heard_of(turns, owed, current)
    return turns, owed if said or current is None else (*owed, *unheard(current))


def _is_heard_of(turns: TurnState, owed: tuple[Out, ...], request: Request) -> bool:
    """Tell whether the words of a request are followed, or were just reported heard."""
    say_ids = {voice.say_id for voice in turns.voices}
    say_ids |= {out.say_id for out in owed if isinstance(out, SpeechHeard)}
    return request.say_id in say_ids


def _put_back(turns: TurnState, request: Request) -> Turn:
    """Let a request wait again; the attempt does not count, but there is an end to attempts."""
    if request.ask is Ask.CALLER:
        return turns, ()  # whoever has the floor answers the caller
    if len(request.marks) >= MARKS_LIMIT:
        return turns, (FaultReported("too_many_tries"), *unheard(request))
    return _first(turns, replace(request, tries=max(0, request.tries - 1)))


def _first(turns: TurnState, request: Request) -> Turn:
    """Put a request before all others, unless nothing more is to be asked for."""
    if turns.silent or request.stopped:
        return turns, unheard(request)
    if turns.held and request.ask is not Ask.SAY:
        return replace(turns, committed=True), ()  # no other turn starts while turns are held
    return replace(turns, queue=(request, *turns.queue)), ()


def conflict(terms: TurnTerms, turns: TurnState, now: float) -> Turn:
    """Ours was refused because a response is active: wait for that one's end (rule 7)."""
    current = turns.current
    until = now + terms.pace.conflict
    if turns.phase is Phase.RESPONDING:
        # A response that bore no mark was taken for ours: it was VAD's.
        turns = hearing.disowned(turns, turns.current_id)
        until = max(until, turns.phase_until or until)
    turns = replace(turns, phase=Phase.RESPONDING, phase_until=until, current=None)
    return (turns, ()) if current is None else _put_back(turns, current)


# --- a response ends ---------------------------------------------------------------------------


def done(terms: TurnTerms, turns: TurnState, event: ResponseDone, now: float) -> Turn:
    """A response was generated, cut off, or failed."""
    response = event.response
    if response.id in turns.finished:
        return turns, ()
    turns = replace(turns, finished=(*turns.finished, response.id)[-FINISHED_LIMIT:])
    outs: tuple[Out, ...] = (UsageReported(codec.usage(response)),)
    active = _has_floor(turns, response)
    request = turns.current if active else None
    if active:
        turns = _floor_free(turns)
    say_id = request.say_id if request is not None else ""
    say_id = say_id or hearing.say_id_of(turns, response.id)
    turns, words, silent = _words(terms, turns, response, say_id, now)
    outs += words
    match response.status:
        case "completed":
            outs += _tool_calls(turns, response, say_id, silent=silent)
        case "failed" | "incomplete" if silent and active:
            turns, more = _failed(terms, turns, request, response, now)
            return turns, (*outs, *more)
    if silent and request is not None:
        outs += unheard(request)
    return turns, outs


def _has_floor(turns: TurnState, response: FinishedResponse) -> bool:
    """Tell whether a finished response is the active one, or ours whose beginning was lost."""
    if turns.phase is Phase.REQUESTED:
        mark = codec.mark(response.metadata)
        return turns.current is not None and mark in turns.current.marks
    return turns.phase is Phase.RESPONDING and turns.current_id in {None, response.id}


def _floor_free(turns: TurnState) -> TurnState:
    return replace(
        turns,
        phase=Phase.IDLE,
        phase_until=None,
        current=None,
        current_id=None,
        confirmed=False,
    )


def _words(
    terms: TurnTerms, turns: TurnState, response: FinishedResponse, say_id: str, now: float
) -> tuple[TurnState, tuple[Out, ...], bool]:
    """Follow the words of a finished response to the caller's ear; say whether it had none."""
    spoken = [words for item in codec.items(response) if (words := codec.words(item)) is not None]
    if not spoken and not hearing.is_playing(turns, response.id):
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
    playing = hearing.is_playing(turns, response.id)
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
    report = FaultReported(codec.word(code))
    request = request or Request(Ask.CALLER, tries=1)
    turns = replace(turns, speak_after=now + terms.pace.retry)
    if request.tries >= TRIES:
        if request.ask is Ask.SAY or request.stopped or turns.held:
            return turns, (report, *unheard(request))
        fallbacks = turns.fallbacks + 1
        turns = replace(turns, fallbacks=fallbacks)
        instructions = f"{terms.agent.instructions}\n\n{FALLBACK}"
        request = Request(Ask.SAY, f"fallback-{fallbacks}", instructions)
    turns, owed = _first(turns, request)
    return turns, (report, *owed)


def refused(terms: TurnTerms, turns: TurnState, code: str, now: float) -> Turn:
    """Our request was refused for another reason than a conflict: it will not get better."""
    request = replace(turns.current or Request(Ask.CALLER), tries=TRIES)
    turns, outs = _failed(terms, _floor_free(turns), request, None, now)
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
        say_id = request.say_id if request is not None else ""
        ids = (known, say_id or hearing.say_id_of(turns, known))
        turns, owed = hearing.generated(terms, turns, ids, characters=0, now=now)
    cancel = frames.response_cancel(event_id, known)
    return turns, (cancel, FaultReported("response_overdue"), *owed)


def lost(terms: TurnTerms, turns: TurnState, _event: ChannelLost, now: float) -> Turn:
    """The socket is gone; what was being said may have been heard, and is not said again."""
    request, known = turns.current, turns.current_id
    was_requested = turns.phase is Phase.REQUESTED
    turns = replace(_floor_free(turns), phase=Phase.DETACHED, update=None)
    turns, owed = hearing.abandoned(terms, turns, now)
    if request is None:
        return turns, owed
    if request.ask is Ask.SAY:
        if _is_heard_of(turns, owed, request):
            return turns, owed
        ids = (known or request.say_id, request.say_id)
        turns, more = hearing.generated(terms, turns, ids, characters=None, now=now)
    else:
        # A turn that was only asked for is asked for again; a conflict would be recovered from.
        turns, more = _put_back(turns, request) if was_requested else (turns, ())
    return turns, (*owed, *more)
