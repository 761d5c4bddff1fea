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
