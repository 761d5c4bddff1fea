"""The session config: what is sent, what is known to be taken, what was refused.

Every `session.update` carries turn detection as it should be, and every change that is not known to
be taken: of several updates only the latest needs watching.
"""

from __future__ import annotations

from controller.sansio.commands import Become, Configure, Reconfigure
from controller.sansio.realtime import frames, session
from controller.sansio.realtime.parts import ATTACHED, Phase, Setup, Update
from controller.sansio.realtime.state import Turn, TurnState, TurnTerms, number
from controller.sansio.value import replace


def configure(terms: TurnTerms, turns: TurnState, _command: Configure, now: float) -> Turn:
    """Send what the minimal answer left out, and wait for it to be taken before speaking."""
    return _send(terms, replace(turns, remainder_due=True), now)


def reconfigure(terms: TurnTerms, turns: TurnState, command: Reconfigure, now: float) -> Turn:
    """Change instructions, tools or turn detection, from here on."""
    given = {
        "instructions": command.instructions,
        "tools": command.tools,
        "turn_detection": _detection(terms, turns, command),
    }
    changes = {name: value for name, value in given.items() if value is not None}
    if not changes:
        return turns, ()
    turns = replace(
        turns,
        setup=replace(turns.setup, **changes),
        former=turns.former or turns.setup,
        dirty=tuple(sorted({*turns.dirty, *changes})),
    )
    return _send(terms, turns, now)


def _detection(
    terms: TurnTerms, turns: TurnState, command: Reconfigure
) -> dict[str, object] | None:
    """Return the turn detection that is wanted: a new one, or other options of the old one."""
    if command.turn_detection is None:
        return None
    if "type" in command.turn_detection:
        return dict(command.turn_detection)
    return {**session.detection(terms.agent, turns.setup), **command.turn_detection}


def become(terms: TurnTerms, turns: TurnState, _command: Become, now: float) -> Turn:
    """Go on as another agent: `terms` are its own already. Voice and model stay as they are."""
    turns = replace(turns, setup=Setup(), former=None, dirty=session.PARTS)
    return _send(terms, turns, now)


def _send(terms: TurnTerms, turns: TurnState, now: float) -> Turn:
    """Send what has changed; what depends on it waits until it is taken, or for a time."""
    if turns.phase not in ATTACHED:
        return turns, ()  # it goes with the update after the session is proven
    turns, sent = update(terms, turns)
    if turns.phase not in {Phase.IDLE, Phase.CONFIGURING}:
        return turns, sent
    until = now + terms.pace.configure
    return replace(turns, phase=Phase.CONFIGURING, phase_until=until), sent


def is_due(turns: TurnState) -> bool:
    """Tell whether something of the config was never sent, or is not known to be taken."""
    return turns.remainder_due or bool(turns.dirty)


def update(terms: TurnTerms, turns: TurnState, *, lifts: bool = False) -> Turn:
    """Send `session.update` with the turn detection as it should be, and what else is due."""
    turns, event_id = number(turns)
    form = session.Form(
        held=turns.held,
        plain=turns.plain,
        setup=turns.setup,
        changes=turns.dirty,
        remainder=turns.remainder_due,
    )
    # A hold that an earlier update was to lift, and that is not known to be lifted, still is.
    lifts = lifts or (not turns.held and turns.update is not None and turns.update.due is not None)
    sent = Update(
        event_id,
        remainder=turns.remainder_due,
        changes=turns.dirty,
        former=turns.former,
        lifts=lifts,
        due=turns.now + terms.pace.lift if lifts else None,
    )
    body = session.update(terms.agent, form, terms.secrets)
    turns = replace(turns, update=sent, deaf=False)
    return turns, (frames.session_update(event_id, body),)


def taken(turns: TurnState) -> tuple[TurnState, bool]:
    """Our update was taken; say whether it was one that gives the caller the floor."""
    if turns.update is None or turns.update.is_taken:
        return configured(turns), False
    lifts = turns.update.lifts
    turns = replace(
        turns,
        update=replace(turns.update, is_taken=True, due=None),
        remainder_due=False,
        dirty=(),
        former=None,
        deaf=False,
    )
    return configured(turns), lifts


def configured(turns: TurnState) -> TurnState:
    """Speak now; with the config that we have, if the rest of it never came."""
    if turns.phase is not Phase.CONFIGURING:
        return turns
    return replace(turns, phase=Phase.IDLE, phase_until=None)


def refused(terms: TurnTerms, turns: TurnState, refused: Update) -> Turn | None:
    """Find another form of an update that was refused, None where there is none left.

    A change that an operator made is taken back: the config that held before holds again. Else it
    may be the numbers of turn detection, which go next (agents-js #741).
    """
    if refused.former is not None:
        turns = replace(turns, setup=refused.former, former=None, dirty=())
        return update(terms, replace(turns, remainder_due=refused.remainder), lifts=refused.lifts)
    if turns.plain:
        return None
    turns = replace(turns, plain=True, remainder_due=refused.remainder, dirty=refused.changes)
    return update(terms, turns, lifts=refused.lifts)
