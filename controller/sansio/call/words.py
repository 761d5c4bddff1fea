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
TRANSFER_FAILED = "The transfer did not go through. The caller is still on the line with you."
BACK_AGAIN = (
    "Tell the caller, in the language of the conversation, that the transfer did not go through, "
    "apologise briefly, and ask how else you can help."
)
