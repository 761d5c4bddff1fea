"""Asking for responses: one at a time, the others wait (rule 7).

The highest priority goes first, and first come, first served within one. Nothing interrupts the
caller but what somebody decided to say now (`TurnState.ask_at`).
"""

from __future__ import annotations

from controller.sansio.commands import Priority, Say, Unsay
from controller.sansio.events import FaultReported, SpeechHeard
from controller.sansio.realtime import frames, session
from controller.sansio.realtime.parts import TAKEN_UP, Ask, Phase, Request
from controller.sansio.realtime.state import KEPT_LIMIT, Out, Turn, TurnState, TurnTerms, number
from controller.sansio.value import replace

QUEUE_LIMIT = 16
"""Words that may wait. One more, and the newest of the lowest priority count as not heard; that is
reported. Of other requests there is one of each kind at most."""
MARKS_LIMIT = 8
"""Times that one request is sent: a far end that always has something else to say must not keep
its words waiting for ever."""


def say(_terms: TurnTerms, turns: TurnState, command: Say, _now: float) -> Turn:
    """Queue words of ours."""
    text = command.text
    if command.verbatim:
        text = f"Say exactly the following words to the caller, and nothing else:\n{text}"
    owed: tuple[Out, ...] = ()
    if command.priority is Priority.LAST:
        turns, owed = _nothing_else(turns)
    request = Request(Ask.SAY, command.say_id, text, command.priority)
    turns, dropped = enqueue(turns, request)
    return turns, (*owed, *dropped)


def _nothing_else(turns: TurnState) -> Turn:
    """Nothing is said after the last words; what waits for another reason may yet be answered.

    What comes later waits for `ReleaseTurns`: a transfer may fail, and the caller be back.
    """
    dropped = tuple(each for each in turns.queue if each.priority < Priority.LAST)
    owes_a_turn = turns.committed or any(each.ask is not Ask.SAY for each in dropped)
    turns, owed = drop(replace(turns, last=True), dropped)
    return replace(turns, committed=owes_a_turn), owed


def unsay(_terms: TurnTerms, turns: TurnState, command: Unsay, _now: float) -> Turn:
    """Drop words that wait; those that are asked for are on their way."""
    return drop(turns, tuple(each for each in turns.queue if _says(each, command.say_id)))


def _says(request: Request, say_id: str) -> bool:
    return request.ask is Ask.SAY and request.say_id == say_id


def pump(terms: TurnTerms, turns: TurnState, now: float) -> Turn:
    """Ask for the next response, if nobody has the floor."""
    at = turns.ask_at
    if at is None or now < at:
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
    instructions = None
    if request.text is not None:
        # A response's instructions replace the session's: the agent's own keep manner and language.
        instructions = f"{session.instructions(terms.agent, turns.setup)}\n\n{request.text}"
    return turns, (frames.response_create(event_id, instructions),)


def enqueue(turns: TurnState, request: Request) -> Turn:
    """Let a request wait for its turn. One response answers all tool outputs and all words."""
    if request.ask is not Ask.SAY:
        if turns.last:
            return replace(turns, committed=True), ()
        if is_waiting(turns, request.ask):
            return _joined(turns, request), ()
    turns = _placed(turns, request)
    words = [each for each in turns.queue if each.ask is Ask.SAY]
    if len(words) <= QUEUE_LIMIT:
        return turns, ()
    turns, owed = drop(turns, (words[-1],))
    return turns, (FaultReported("too_many_requests"), *owed)


def _joined(turns: TurnState, request: Request) -> TurnState:
    """Let a request that waits stand for one more of its kind, which nobody has seen."""
    queue = (
        replace(each, seen_by=None, tells=each.tells or request.tells)
        if each.ask is request.ask
        else each
        for each in turns.queue
    )
    return replace(turns, queue=tuple(queue))


def put_back(turns: TurnState, request: Request) -> Turn:
    """Let a request wait again; the attempt does not count, but there is an end to attempts."""
    if len(request.marks) >= MARKS_LIMIT:
        turns, owed = give_up(turns, request)
        return turns, (FaultReported("too_many_tries"), *owed)
    return put_first(turns, replace(request, tries=max(0, request.tries - 1)))


def give_way(turns: TurnState, request: Request) -> Turn:
    """Another response has the floor, which may do for this request as well."""
    if request.ask in TAKEN_UP and not turns.cut_off:
        return turns, ()
    return put_back(turns, request)


def put_first(turns: TurnState, request: Request) -> Turn:
    """Put a request before its equals, unless nothing more is to be asked for."""
    if turns.silent or request.stopped:
        return give_up(turns, request)
    if request.ask is not Ask.SAY and (turns.held or turns.last):
        return replace(turns, committed=True), ()  # no other turn starts while turns are held
    if request.ask is not Ask.SAY:
        # One of its kind that came meanwhile is answered by the same response.
        same = tuple(each for each in turns.queue if each.ask is request.ask)
        others = tuple(each for each in turns.queue if each.ask is not request.ask)
        turns = replace(turns, queue=others)
        for each in same:
            request = replace(request, seen_by=None, tells=request.tells or each.tells)
    return _placed(turns, request, first=True), ()


def _placed(turns: TurnState, request: Request, *, first: bool = False) -> TurnState:
    """Put a request behind its equals, or before them."""
    ahead = request.priority + 1 if first else request.priority
    place = sum(each.priority >= ahead for each in turns.queue)
    return replace(turns, queue=(*turns.queue[:place], request, *turns.queue[place:]))


def drop(turns: TurnState, requests: tuple[Request, ...]) -> Turn:
    """Let requests wait no longer."""
    kept = tuple(each for each in turns.queue if all(each is not one for one in requests))
    turns = replace(turns, queue=kept)
    outs: tuple[Out, ...] = ()
    for request in requests:
        turns, owed = give_up(turns, request)
        outs += owed
    return turns, outs


def give_up(turns: TurnState, request: Request) -> Turn:
    """Want a response no more: what still comes for it is cancelled, its words are not heard."""
    unwanted = (*turns.unwanted, *request.marks)[-KEPT_LIMIT:]
    return replace(turns, unwanted=unwanted), unheard(request)


def seen(turns: TurnState, response_id: str) -> TurnState:
    """A response begins. It sees every tool output that was acknowledged before.

    Words of ours are no answer to any.
    """
    is_answer = turns.current is None or turns.current.ask is not Ask.SAY
    by = response_id if is_answer and not turns.outputs else None
    queue = tuple(_seen(each, by) for each in turns.queue)
    current = None if turns.current is None else _seen(turns.current, by)
    return replace(turns, queue=queue, current=current)


def _seen(request: Request, by: str | None) -> Request:
    return replace(request, seen_by=by) if request.ask is Ask.TOOLS else request


def answered(turns: TurnState, response_id: str) -> Turn:
    """A response has said or called something: what it saw needs no other one."""
    done_for = tuple(each for each in turns.queue if each.seen_by == response_id and not each.tells)
    return drop(turns, done_for) if done_for else (turns, ())


def is_waiting(turns: TurnState, ask: Ask) -> bool:
    """Tell whether a request of that kind waits."""
    return any(request.ask is ask for request in turns.queue)


def unheard(request: Request) -> tuple[SpeechHeard, ...]:
    """Return what a request owes when its words will not be heard."""
    return (SpeechHeard(request.say_id, certain=False),) if request.ask is Ask.SAY else ()
