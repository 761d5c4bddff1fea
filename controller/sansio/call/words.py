"""What the model is asked to say by the call's machine itself.

Instructions, not lines: the model speaks the caller's language and keeps the agent's manner.
"""

from __future__ import annotations

GOODBYE = (
    "Say one short, friendly goodbye to the caller, in the language of the conversation. "
    "Ask nothing and offer nothing more."
)
TIME_IS_UP = (
    "Tell the caller in one short sentence, in the language of the conversation, that the time "
    "for this call is up, and say goodbye. Ask nothing."
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
TRANSFER_FAILED_MESSAGE = (
    f"{TRANSFER_FAILED} Nobody else can be reached now. Offer to take a message, and take it with "
    "the take_message tool."
)
BACK_AGAIN_MESSAGE = (
    "Tell the caller, in the language of the conversation, that the transfer did not go through, "
    "apologise briefly, and offer to take a message."
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
