"""The conversation: what operators and watchers ask of it, and time."""

from __future__ import annotations

from controller.sansio.call import ending, lasting, opening, referring, tooling, words
from controller.sansio.call.state import CallState, State, Step, ignore
from controller.sansio.commands import Inject, Outcome, Priority, Reconfigure, ReleaseTurns, Say
from controller.sansio.events import (
    Absence,
    BudgetSpent,
    DeadlineReached,
    HangUpRequested,
    InjectRequested,
    ModelFailed,
    NobodyThere,
    PromptDue,
    ReconfigureRequested,
    SayRequested,
    SpeechHeard,
    TransferRequested,
)
from controller.sansio.value import replace

# --- the first words ---------------------------------------------------------------------------


def speech_heard(call: CallState, event: SpeechHeard, now: float) -> Step:
    """Give the floor to the caller after the first words, or hand them on (operations, O7)."""
    call, commands = opening.speech_heard(call, event, now)
    release = ReleaseTurns()
    if release not in commands or not call.terms.hands_on:
        return call, commands
    call, handed_on = lasting.hand_on(call, now)
    return call, (*(each for each in commands if each != release), *handed_on)


# --- the operator ------------------------------------------------------------------------------


def say_requested(call: CallState, event: SayRequested, _now: float) -> Step:
    """Have it said when nobody speaks; while the channel is lost, when it is back."""
    if call.answered_at is None:
        return ignore(call)
    says = call.says + 1
    say = Say(f"operator-{says}", event.text, event.verbatim, Priority.OPERATOR)
    return opening.say(replace(call, says=says), say)


def inject_requested(call: CallState, event: InjectRequested, _now: float) -> Step:
    """Tell the model; while the channel is lost, when it is back."""
    return ignore(call) if call.answered_at is None else (call, (Inject(event.text),))


def reconfigure_requested(call: CallState, event: ReconfigureRequested, _now: float) -> Step:
    """Change the session from here on, if the agent for whom it is meant still talks."""
    if call.answered_at is None or event.agent not in {None, call.terms.agent}:
        return ignore(call)
    return call, (Reconfigure(event.instructions, event.tools, event.turn_detection),)


def transfer_requested(call: CallState, event: TransferRequested, now: float) -> Step:
    """Announce it and send the caller on. Closed hours do not stop an operator."""
    name = event.target
    if call.answered_at is None or referring.obstacle(call, name, now) is not None:
        return ignore(call)
    return referring.announce(call, name, now, by_operator=True)


def hang_up_requested(call: CallState, _event: HangUpRequested, now: float) -> Step:
    """Hang up at once."""
    return ending.hang_up(call, Outcome.WE_HUNG_UP, now)


# --- the watchers ------------------------------------------------------------------------------


def prompt_due(call: CallState, event: PromptDue, _now: float) -> Step:
    """Ask whether the caller is there, unless the silence is ours."""
    if call.opening.awaiting is not None or call.work.batches:
        return ignore(call)
    says = call.says + 1
    text = words.prompt(event.absence, event.number)
    say = Say(f"prompt-{says}", text, priority=Priority.PROMPT)
    return replace(call, says=says), (say,)


def nobody_there(call: CallState, event: NobodyThere, now: float) -> Step:
    """Say goodbye to whoever may be there, and hang up (operations, O10)."""
    outcome = Outcome.NO_HUMAN if event.absence is Absence.NO_HUMAN else Outcome.IDLE
    detail = "ghost" if event.absence is Absence.GHOST else None
    return ending.goodbye(call, words.NOBODY_THERE, outcome, now, detail=detail)


def budget_spent(call: CallState, _event: BudgetSpent, now: float) -> Step:
    """End politely; in the middle of a transfer, only if that comes to nothing."""
    if call.answered_at is None:
        return ignore(call)
    call = replace(call, is_spent=True)
    if call.state is State.ENDING:
        return call, ()
    return ending.goodbye(call, words.BUDGET_SPENT, Outcome.BUDGET, now)


# --- faults and time ---------------------------------------------------------------------------


def model_failed(call: CallState, _event: ModelFailed, now: float) -> Step:
    """Nobody talks with the caller any more: to the fallback without a word, else hang up."""
    if referring.reachable(call, call.terms.fallback):
        outcome = Outcome.TRANSFER_FAILED
        return referring.last_resort(call, outcome=outcome, now=now, detail="model_failed")
    return ending.hang_up(call, Outcome.PROVIDER_ENDED, now, detail="model_failed")


def deadline(call: CallState, _event: DeadlineReached, now: float) -> Step:
    """The end of the longest duration, the warning before it, or what waiting tools call for."""
    if lasting.is_due(call.end_at, now):
        return lasting.time_is_up(call, now)
    if lasting.is_due(call.warn_at, now):
        return lasting.warn(call, now)
    return tooling.tick(call, now)
