"""What the model is asked to say by the call's machine itself.

Instructions, not lines: the model speaks the caller's language and keeps the agent's manner.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from controller.sansio.events import Absence

GOODBYE = (
    "Say one short, friendly goodbye to the caller, in the language of the conversation. "
    "Ask nothing and offer nothing more."
)
TIME_IS_UP = (
    "Tell the caller in one short sentence, in the language of the conversation, that the time "
    "for this call is up, and say goodbye. Ask nothing."
)
NOBODY_REACHED = (
    "Tell the caller in one short sentence, in the language of the conversation, that nobody could "
    "be reached, apologise briefly, and say goodbye. Ask nothing."
)
CONNECTING = (
    "Tell the caller in one short sentence, in the language of the conversation, that you are "
    "connecting them now. Ask nothing."
)
CONNECTING_ELSEWHERE = (
    "Tell the caller in one short sentence, in the language of the conversation, that nobody could "
    "be reached there and that you are connecting them to somebody else now. Ask nothing."
)
TIME_IS_UP_CONNECTING = (
    "Tell the caller in one short sentence, in the language of the conversation, that the time "
    "for this call is up and that you are connecting them to somebody now. Ask nothing."
)
TRANSFER_FAILED = "The transfer did not go through. The caller is still on the line with you."
BACK_AGAIN = (
    "Tell the caller, in the language of the conversation, that the transfer did not go through, "
    "apologise briefly, and ask how else you can help."
)
RETURNED = (
    "The caller was transferred a moment ago, was not taken there, and is back. That transfer is "
    "not possible now: do not promise it, say that you know, and offer something else."
)
TRANSFER_FAILED_MESSAGE = (
    f"{TRANSFER_FAILED} Nobody else can be reached now. Offer to take a message, and take it with "
    "the take_message tool."
)
BACK_AGAIN_MESSAGE = (
    "Tell the caller, in the language of the conversation, that the transfer did not go through, "
    "apologise briefly, and offer to take a message."
)
HEARD_AGAIN = (
    "You could not hear the caller for a while, and they could not hear you. They are still on the "
    "line with you. A transfer to somebody else was tried meanwhile and did not go through."
)
SPEAK_AGAIN = (
    "Tell the caller, in the language of the conversation, that there was a technical problem and "
    "that you could not hear them for a moment, apologise briefly, and ask how you can help."
)
FILLER = (
    "You are still waiting for the result of a tool. Say one short filler to the caller, in the "
    "language of the conversation, such as that you are looking. Do not repeat yourself, promise "
    "no result, ask nothing, and call no tool."
)
STILL_WORKING = (
    "You are still waiting for the result of a tool. Tell the caller in one short sentence, in the "
    "language of the conversation and in other words than before, that you are still working on "
    "it. Ask nothing, and call no tool."
)
REPEAT = (
    "Repeat to the caller what you said last, a little more slowly, in the language of the "
    "conversation. Add nothing new."
)
NOT_REACHABLE = (
    "The caller asked by a key to be connected to somebody who cannot be reached now. Say so in "
    "one short sentence, in the language of the conversation, apologise briefly, and ask how else "
    "you can help."
)
NOBODY_THERE = (
    "Nobody seems to be on the line any more. Say in one short sentence, in the language of the "
    "conversation, that you are ending the call now and that the caller may call again. Ask "
    "nothing."
)
BUDGET_SPENT = (
    "Tell the caller in one short sentence, in the language of the conversation, that you have to "
    "end this call now and that they may call again, and say goodbye. Ask nothing."
)
_FIRST_HELLO = (
    "Nobody has said anything since you answered. Say hello in one short sentence, in the "
    "language that you began with, and ask whether anybody is there."
)
_LAST_HELLO = (
    "Nobody has said anything yet. Ask once more, in one short sentence, whether anybody is "
    "there, and say that you will end the call otherwise."
)
_STILL_THERE = (
    "The caller has said nothing for a while. Ask in one short sentence, in the language of the "
    "conversation, whether they are still there."
)
_ONCE_MORE = (
    "The caller has still said nothing. Ask once more, in one short sentence and in other words, "
    "whether they are there, and say that you will end the call otherwise."
)
_NO_WORDS = (
    "You hear sounds but cannot make out what anybody says. Say so in one short sentence, in the "
    "language of the conversation, and ask the caller to say a word or to press a key."
)
_PROMPTS: Mapping[Absence, tuple[str, ...]] = MappingProxyType(
    {
        Absence.GHOST: (_FIRST_HELLO, _LAST_HELLO),
        Absence.IDLE: (_STILL_THERE, _ONCE_MORE),
        Absence.NO_HUMAN: (_NO_WORDS,),
    }
)
CALL_IS_ENDING = "The call is ending."
NOT_APPROVED = "This tool is not approved for this call."


def keys_pressed(keys: str) -> str:
    """Tell the model of keys that it cannot hear."""
    return f"The caller pressed these keys: {' '.join(keys)}."


def handed_on(agent: str) -> str:
    """Tell the model that it is another agent now."""
    return (
        f"You are now {agent}, and have taken this call over from a colleague. What was said so "
        "far stands. Greet the caller briefly, and go on with what they want."
    )


def prompt(absence: Absence, number: int) -> str:
    """Ask whether the caller is there, for the so manieth time of one silence."""
    texts = _PROMPTS[absence]
    return texts[min(max(number, 1), len(texts)) - 1]


def time_left(seconds: float) -> str:
    """Tell the model how much of the call's time is left."""
    return (
        f"{_amount(seconds)} of this call's time is left. Bring what matters most to an end, and "
        "begin nothing long."
    )


def warn_caller(seconds: float) -> str:
    """Tell the caller the same."""
    return (
        "Tell the caller in one short sentence, in the language of the conversation, that "
        f"{_amount(seconds).lower()} is left for this call."
    )


def _amount(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return "Less than a minute"
    return "About a minute" if minutes == 1 else f"About {minutes} minutes"
