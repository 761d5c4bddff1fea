"""The agent's keypad menu: what the caller chooses by a key happens whatever the model does.

A key cuts off what is being said. During the disclosure `transfer` and `hang_up` act at once, for
they end the talk that it is about; `say` and `repeat` wait for it, and `handoff` is ignored: the
other agent would speak first.
"""

from __future__ import annotations

from typing import assert_never

from controller.sansio.agent import MenuEntry
from controller.sansio.call import built_in, ending, opening, referring, words
from controller.sansio.call.state import CallState, Step, ignore
from controller.sansio.commands import CutOff, Outcome, Priority, Say
from controller.sansio.events import MenuKeyPressed
from controller.sansio.value import replace


def pressed(call: CallState, event: MenuKeyPressed, now: float) -> Step:
    """Do what the key stands for."""
    menu = call.terms.keypad.menu
    entry = next((each for each in menu if each.key == event.key), None)
    if entry is None:
        return ignore(call)  # of another agent's menu: the call was handed on meanwhile
    match entry.verb:
        case "transfer":
            return _transfer(call, entry, now)
        case "hang_up":
            outcome = Outcome.WE_HUNG_UP
            return _soon(ending.goodbye(call, words.GOODBYE, outcome, now, detail="menu"), now)
        case "repeat":
            return _say(call, words.REPEAT)
        case "say":
            return _say(call, entry.argument or words.REPEAT)
        case "handoff":
            return _hand_off(call, entry.argument or "")
        case _:
            assert_never(entry.verb)


def _transfer(call: CallState, entry: MenuEntry, now: float) -> Step:
    name = entry.argument or ""
    if not referring.reachable(call, name):
        return _say(call, words.NOT_REACHABLE)
    return _soon(referring.announce(call, name, now), now)


def _soon(step: Step, now: float) -> Step:
    """Cut off what is being said, and wait only shortly for the last words."""
    call, commands = step
    return replace(call, step_at=now + call.terms.limits.menu_words), (CutOff(), *commands)


def _say(call: CallState, text: str) -> Step:
    says = call.says + 1
    say = Say(f"menu-{says}", text, priority=Priority.OPERATOR)
    is_cut = not opening.is_disclosing(call)
    call, said = opening.say(replace(call, says=says), say)
    return call, (CutOff(), *said) if is_cut else said


def _hand_off(call: CallState, name: str) -> Step:
    if opening.is_disclosing(call):
        return ignore(call)
    call, commands = built_in.hand_off(call, name)
    return (call, (CutOff(), *commands)) if commands else ignore(call)
