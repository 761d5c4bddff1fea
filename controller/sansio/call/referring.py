"""Transfers: to whom, after which words, and what follows if the caller stays (rule 10).

A target that is closed, or that a referral did not reach, gives way to the others of its chain: the
targets that it names as `next`, then those that they name. Each target is tried once a call,
whoever asks for it. REFER reports no result: the caller leaves, or is still there after a while.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from typing import Literal, TypeAlias

from controller.sansio.agent import TAKE_MESSAGE, other_uri_form
from controller.sansio.call import ending, opening, words
from controller.sansio.call.state import (
    CallState,
    Channel,
    Closing,
    Ending,
    InVain,
    State,
    Step,
    Transfer,
    effect,
)
from controller.sansio.call.terms import TargetTerms, Terms
from controller.sansio.commands import (
    HoldTurns,
    Inject,
    Outcome,
    ReleaseTurns,
    Say,
    StopSpeaking,
    TransferCall,
)
from controller.sansio.events import (
    Speech,
    ToolCall,
    TransferDone,
    TransferFailed,
    TransferUnproven,
)
from controller.sansio.value import replace

PROBE_WAIT = 2.0
"""Seconds from a referral without a channel to the first look whether the caller has left."""
GONE = 404

Obstacle: TypeAlias = Literal["unknown_target", "target_tried", "transfer_just_tried"]
"""Why an operator's transfer cannot be: there is no such target; it was tried in this call, and
nobody else of its chain can be; the last referral was a moment ago."""

# --- to whom -----------------------------------------------------------------------------------


def chain(terms: Terms, name: str | None) -> Iterator[TargetTerms]:
    """Yield a target, those that follow it, then those that follow them; each once."""
    seen = {name}
    waiting = deque([name])
    while waiting:
        target = terms.target(waiting.popleft())
        if target is None:
            continue
        yield target
        fresh = [each for each in target.next if each not in seen]
        seen.update(fresh)
        waiting.extend(fresh)


def reachable(call: CallState, name: str | None, *, by_operator: bool = False) -> bool:
    """Tell whether a referral may go to a target, or to another of its chain, now."""
    return _first(call, name, by_operator=by_operator) is not None


def obstacle(call: CallState, name: str, now: float) -> Obstacle | None:
    """Say why an operator's transfer cannot be followed at an instant; None: it can."""
    if call.terms.target(name) is None:
        return "unknown_target"
    later = replace(call, now=max(now, call.now, call.refer_after))
    if not reachable(later, name, by_operator=True):
        return "target_tried"
    return "transfer_just_tried" if max(now, call.now) < call.refer_after else None


def _first(call: CallState, name: str | None, *, by_operator: bool = False) -> TargetTerms | None:
    if call.now < call.refer_after:
        return None
    for target in chain(call.terms, name):
        is_wanted = by_operator and target.name == name
        is_free = target.name not in call.terms.returned_from and target.is_open(call.now)
        if (is_wanted or is_free) and target.name not in call.tried:
            return target
    return None


def target_named(tool_call: ToolCall) -> str | None:
    """Return the name that the model wrote, None where it wrote none."""
    try:
        arguments = json.loads(tool_call.arguments)
    except (ValueError, RecursionError):
        return None
    name = arguments.get("target") if isinstance(arguments, dict) else None
    return name if isinstance(name, str) else None


def request(call: CallState, tool_call: ToolCall) -> str | None:
    """Say in one word why a call of `transfer` cannot be followed; None: it can."""
    name = target_named(tool_call)
    if name in call.terms.returned_from:
        return "target_returned"
    if name in call.tried:
        return "transfer_just_tried"
    if name not in call.terms.offered or call.terms.target(name) is None:
        return "unknown_target"
    if _first(call, name) is not None:
        return None
    is_open = any(each.is_open(call.now) for each in chain(call.terms, name))
    return "transfer_just_tried" if is_open else "target_closed"


# --- towards a referral ------------------------------------------------------------------------


def begin(call: CallState, name: str | None, *, heard: tuple[str, Speech], now: float) -> Step:
    """Refer to a target that `request` found nothing against, after the words of a response.

    Turns are held by whoever begins it. If the response had no words, some are asked for (rule 9).
    """
    say_id, speech = heard
    call = _announcing(call, _transfer(call, name), Outcome.SIDEBAND_LOST, now)
    match speech:
        case Speech.UNHEARD:
            call = replace(call, ending=replace(ending.closing(call), say_id=say_id))
            return call, (StopSpeaking(),)  # nothing else is said after the announcement
        case Speech.HEARD:
            return refer(call, now)
        case Speech.SILENT:  # pragma: no branch - the last of all
            return ending.say_last(call, words.CONNECTING)


def _transfer(
    call: CallState, name: str | None, in_vain: InVain = InVain.TALK, *, by_operator: bool = False
) -> Transfer:
    target = _first(call, name, by_operator=by_operator)
    assert target is not None  # noqa: S101 - whoever begins a referral has asked `reachable`
    return Transfer(target.name, target.uri, asked=name or "", in_vain=in_vain)


def _announcing(
    call: CallState, transfer: Transfer, outcome: Outcome, now: float, detail: str | None = None
) -> CallState:
    closing = Ending(Closing.WORDS, outcome, detail, transfer=transfer)
    step_at = now + call.terms.limits.words
    return replace(call, state=State.ENDING, ending=closing, step_at=step_at)


def announce(call: CallState, name: str, now: float, *, by_operator: bool = False) -> Step:
    """Refer to a reachable target after an announcement of ours: an operator's, or a key's."""
    transfer = _transfer(call, name, by_operator=by_operator)
    call = _announcing(call, transfer, Outcome.SIDEBAND_LOST, now)
    call, said = ending.say_last(call, words.CONNECTING)
    return call, (HoldTurns(), *said)


def at_the_end(call: CallState, now: float) -> Step:
    """The call has lasted long enough: hand the caller to a reachable fallback, and say so."""
    transfer = _transfer(call, call.terms.fallback, InVain.GOODBYE)
    call = _announcing(call, transfer, Outcome.MAX_DURATION, now, "transfer_failed")
    call, said = ending.say_last(call, words.TIME_IS_UP_CONNECTING)
    return call, (HoldTurns(), *said)


def hand_on(call: CallState, now: float) -> Step:
    """The words that were to be said were heard: hand the caller to a reachable fallback."""
    transfer = _transfer(call, call.terms.fallback, InVain.GOODBYE)
    call, commands = refer(_announcing(call, transfer, Outcome.TRANSFER_FAILED, now), now)
    return call, (HoldTurns(), *commands)


def last_resort(
    call: CallState, *, outcome: Outcome, now: float, detail: str | None = None
) -> Step:
    """Nobody can talk with the caller: refer to a reachable fallback without a word.

    Args:
        call: one that was answered.
        outcome: if no target takes the caller, and we hang up.
        now: Unix seconds.
        detail: of the outcome.
    """
    transfer = _transfer(call, call.terms.fallback, InVain.HANG_UP)
    call, commands = refer(_announcing(call, transfer, outcome, now, detail), now)
    return call, (HoldTurns(), *commands)


# --- the referral ------------------------------------------------------------------------------


def refer(call: CallState, now: float) -> Step:
    """Send the caller on; from here on the model is silent."""
    closing = ending.closing(call)
    transfer = closing.transfer
    assert transfer is not None  # noqa: S101 - of an end that leads to a referral
    call, effect_id = effect(call, "transfer")
    call = replace(
        call,
        ending=replace(closing, step=Closing.REFERRING, say_id=None),
        step_at=now + call.terms.limits.request,
        tried=call.tried | {transfer.target},
    )
    return call, (StopSpeaking(), TransferCall(effect_id, transfer.target, transfer.uri))


def transfer_unproven(call: CallState, _event: TransferUnproven, now: float) -> Step:
    """Relayed, or perhaps: be silent and see whether the caller leaves (rule 10).

    Without a channel nobody sees that: attempts to open one tell, 404 means gone.
    """
    closing = ending.closing(call)
    if closing.step is not Closing.REFERRING:
        return call, ()
    until = now + call.terms.limits.refer
    closing = replace(closing, step=Closing.REFERRED)
    call = replace(call, ending=closing, step_at=until, refer_after=until)
    call = replace(call, attach_until=max(call.attach_until, until))
    if call.channel is Channel.CLOSED:
        call = replace(call, channel=Channel.WAITING, attach_at=now + PROBE_WAIT, attach_tries=0)
    return call, ()


def transfer_done(call: CallState, _event: TransferDone, _now: float) -> Step:
    """The carrier proved it. Without a referral on its way there is nothing to prove."""
    if ending.closing(call).step not in {Closing.REFERRING, Closing.REFERRED}:
        return call, ()
    return ending.end(call, Outcome.TRANSFERRED)


def transfer_failed(call: CallState, event: TransferFailed, now: float) -> Step:
    """Try the URI's other form after a definite HTTP error, then the next target."""
    closing = ending.closing(call)
    transfer = closing.transfer
    if closing.step is not Closing.REFERRING or transfer is None:
        return call, ()
    if event.http_status == GONE and call.channel is not Channel.READY:
        # No such call, and no channel that shows another: the caller left before (rule 12).
        return ending.hang_up(call, Outcome.CALLER_HUNG_UP, now)
    other = None if transfer.other_form else other_uri_form(transfer.uri)
    if event.http_status is not None and other is not None:
        transfer = replace(transfer, uri=other, other_form=True)
        return refer(replace(call, ending=replace(closing, transfer=transfer)), now)
    return stayed(call, now)


# --- the caller stayed -------------------------------------------------------------------------


def stayed(call: CallState, now: float) -> Step:
    """The transfer led nowhere and the caller is still there: the next target, or what follows."""
    closing = ending.closing(call)
    before = closing.transfer
    assert before is not None  # noqa: S101 - of a referral
    if _is_regained(call, closing):
        return _go_on(call, now, told=words.HEARD_AGAIN, text=words.SPEAK_AGAIN)
    if (target := _first(call, before.asked)) is not None:
        transfer = Transfer(target.name, target.uri, before.asked, before.in_vain)
        call = _announcing(call, transfer, closing.outcome, now, closing.detail)
        if before.in_vain is InVain.HANG_UP or call.channel is Channel.CLOSED:
            return refer(call, now)
        return _speak_again(call, words.CONNECTING_ELSEWHERE)
    if before.in_vain is InVain.TALK and call.channel is not Channel.CLOSED:
        return back_to_the_caller(call, now)
    if before.in_vain is InVain.TALK and reachable(call, call.terms.fallback):
        return last_resort(call, outcome=Outcome.SIDEBAND_LOST, now=now)
    if before.in_vain is InVain.GOODBYE and call.channel is not Channel.CLOSED:
        last = Ending(Closing.WORDS, closing.outcome, closing.detail)
        call = replace(call, ending=last, step_at=now + call.terms.limits.words)
        is_failure = closing.outcome is Outcome.TRANSFER_FAILED
        return _speak_again(call, words.NOBODY_REACHED if is_failure else words.TIME_IS_UP)
    return ending.hang_up(call, closing.outcome, now, detail=closing.detail)


def _is_regained(call: CallState, closing: Ending) -> bool:
    """Tell whether a referral for want of a channel has outlived its reason: we talk again."""
    is_last = closing.transfer is not None and closing.transfer.in_vain is InVain.HANG_UP
    lost = closing.outcome is Outcome.SIDEBAND_LOST
    return is_last and lost and call.channel is Channel.READY


def _speak_again(call: CallState, text: str) -> Step:
    """Lift the silence of the referral for last words; no other turn starts (rule 9)."""
    call, said = ending.say_last(call, text)
    return call, (*said, ReleaseTurns(), HoldTurns())


def back_to_the_caller(call: CallState, now: float) -> Step:
    """No target is left: apologise and go on, with a message taken where the agent can."""
    if TAKE_MESSAGE in call.terms.built_in:
        told, text = words.TRANSFER_FAILED_MESSAGE, words.BACK_AGAIN_MESSAGE
    else:
        told, text = words.TRANSFER_FAILED, words.BACK_AGAIN
    return _go_on(call, now, told=told, text=text)


def _go_on(call: CallState, now: float, *, told: str, text: str) -> Step:
    """Talk with the caller again; only where there is money left to talk."""
    if call.is_spent:
        last = Ending(Closing.WORDS, Outcome.BUDGET)
        call = replace(call, ending=last, step_at=now + call.terms.limits.words)
        return _speak_again(call, words.BUDGET_SPENT)
    says = call.says + 1
    state = State.ACTIVE if call.channel is Channel.READY else State.ATTACHING
    call = replace(call, state=state, ending=None, step_at=None, says=says)
    call, said = opening.resume(call, Say(f"apology-{says}", text))
    return call, (Inject(told), *said)
