"""The first words: the disclosure with its evidence, then the greeting (operations, O8; rule 6).

Turns are held from the answer until both were heard, so the caller cannot cut them off. What else
is to be said meanwhile waits for the disclosure: nothing may be heard before it. Only a transfer
and a hang-up go ahead, because they end the talk with the machine that it is about.
"""

from __future__ import annotations

import unicodedata

from controller.sansio.call.state import CallState, Opening, Step, ignore
from controller.sansio.commands import (
    DisclosureResult,
    HoldTurns,
    Priority,
    ReleaseTurns,
    ReportDisclosure,
    Say,
)
from controller.sansio.events import SpeechHeard
from controller.sansio.value import replace

GREETING = "greeting"
DISCLOSURE = "disclosure"
DISCLOSURE_TRIES = 2
LATER_LIMIT = 8
"""Words that may wait for the disclosure; more are ignored."""
_WORTH = (
    DisclosureResult.FAILED,
    DisclosureResult.DIFFERENT,
    DisclosureResult.UNPROVEN,
    DisclosureResult.HEARD,
)
"""Evidence, the poorest first."""

# --- what is said ------------------------------------------------------------------------------


def begin(call: CallState) -> Step:
    """Say the disclosure, then the greeting, as far as the agent has them."""
    return _disclose(call) if owes_disclosure(call) else _go_on(call)


def owes_disclosure(call: CallState) -> bool:
    """Tell whether the caller must still be told what the agent's file says."""
    return call.terms.disclosure is not None and not call.opening.is_disclosed


def is_disclosing(call: CallState) -> bool:
    """Tell whether the disclosure is being said."""
    return call.opening.awaiting not in {None, GREETING}


def _disclose(call: CallState) -> Step:
    attempts = call.opening.attempts + 1
    # Each attempt has a name of its own: the same words may be reported heard more than once.
    say_id = DISCLOSURE if attempts == 1 else f"{DISCLOSURE}-{attempts}"
    opening = replace(call.opening, awaiting=say_id, attempts=attempts)
    text = call.terms.disclosure or ""
    say = Say(say_id, text, verbatim=True, priority=Priority.DISCLOSURE)
    return replace(call, opening=opening), (say,)


def _go_on(call: CallState) -> Step:
    """Say what waited for the disclosure, then the greeting."""
    later = call.opening.later
    opening = replace(call.opening, awaiting=None, later=())
    greeting = call.terms.greeting
    if greeting is None or opening.is_greeted:
        return replace(call, opening=opening), later
    opening = replace(opening, awaiting=GREETING, is_greeted=True)
    verbatim = call.terms.greeting_is_verbatim
    words = Say(GREETING, greeting, verbatim=verbatim, priority=Priority.GREETING)
    return replace(call, opening=opening), (*later, words)


def say(call: CallState, words: Say) -> Step:
    """Have words spoken; while the disclosure is being said, after it."""
    if not is_disclosing(call):
        return call, (words,)
    if len(call.opening.later) >= LATER_LIMIT:
        return ignore(call)
    opening = replace(call.opening, later=(*call.opening.later, words))
    return replace(call, opening=opening), ()


def resume(call: CallState, words: Say) -> Step:
    """Talk again after a transfer that led nowhere: the disclosure first, if it is still owed."""
    opening = replace(call.opening, awaiting=None, is_greeted=True)
    if not owes_disclosure(call):
        return replace(call, opening=opening), (words, ReleaseTurns())
    later = (*opening.later[: LATER_LIMIT - 1], words)
    call, said = _disclose(replace(call, opening=replace(opening, later=later)))
    return call, (*said, ReleaseTurns(), HoldTurns())


# --- what was heard ----------------------------------------------------------------------------


def speech_heard(call: CallState, event: SpeechHeard, _now: float) -> Step:
    """After the disclosure the greeting; after the first words the caller's turn (rule 6).

    The same words may be reported heard more than once; what follows them follows once.
    """
    if call.opening.awaiting is None or event.say_id != call.opening.awaiting:
        return call, ()
    if event.say_id == GREETING:
        return replace(call, opening=replace(call.opening, awaiting=None)), (ReleaseTurns(),)
    call, reported = _weigh(call, event)
    if not call.opening.is_disclosed:
        return _disclose(call)
    call, said = _go_on(call)
    release = () if call.opening.awaiting == GREETING else (ReleaseTurns(),)
    return call, (*reported, *said, *release)


def heard_while_ending(call: CallState, event: SpeechHeard) -> Step:
    """ENDING: keep the evidence of a disclosure that was being said; it is not said again now."""
    if not is_disclosing(call) or event.say_id != call.opening.awaiting:
        return call, ()
    call, reported = _weigh(call, event)
    return replace(call, opening=replace(call.opening, awaiting=None)), reported


def _weigh(call: CallState, event: SpeechHeard) -> tuple[CallState, tuple[ReportDisclosure, ...]]:
    """Take the evidence of one attempt; settle the disclosure if no other is due."""
    result = evidence_of(call.terms.disclosure or "", event)
    best = max(result, call.opening.evidence or result, key=_WORTH.index)
    heard = event.certain and result in {DisclosureResult.HEARD, DisclosureResult.UNPROVEN}
    settled = heard or call.opening.attempts >= DISCLOSURE_TRIES
    opening = replace(call.opening, evidence=best, is_disclosed=settled)
    call = replace(call, opening=opening)
    return call, (ReportDisclosure(best, opening.attempts),) if settled else ()


def unsettled(call: CallState) -> tuple[ReportDisclosure, ...]:
    """Report a disclosure in the middle of which the call ends."""
    opening: Opening = call.opening
    if opening.is_disclosed or opening.attempts == 0:
        return ()
    return (ReportDisclosure(opening.evidence or DisclosureResult.FAILED, opening.attempts),)


def evidence_of(text: str, event: SpeechHeard) -> DisclosureResult:
    """Say what one report of heard speech proves about a text."""
    if event.words is None:
        return DisclosureResult.UNPROVEN if event.certain else DisclosureResult.FAILED
    if not same_words(text, event.words):
        return DisclosureResult.DIFFERENT
    return DisclosureResult.HEARD if event.certain else DisclosureResult.UNPROVEN


def same_words(text: str, words: str) -> bool:
    """Tell whether somebody said a text, as far as a transcript can tell.

    Letters alone are compared, with the marks that belong to them. Case, punctuation, spacing and
    forms of the same letter (Unicode NFKC) do not count, and neither do digits, which transcripts
    write in ways of their own.
    """
    return _letters(text) == _letters(words)


def _letters(text: str) -> str:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(each for each in folded if unicodedata.category(each)[0] in "LM")
