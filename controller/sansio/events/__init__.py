"""Everything that can happen to a call, as the call's machine sees it.

Frozen values, named in the past tense, one union: `Event`. They come from admission and the line
(`line`), from the channel and the dialect's turn machine (`dialect`), and from tools, operators,
watchers and the process (`desk`). Nothing here is a vendor's event: what OpenAI sends is in
`realtime/codec.py`.
"""

from __future__ import annotations

from typing import TypeAlias

from controller.sansio.events.desk import (
    Absence,
    BudgetSpent,
    BudgetWarned,
    DeadlineReached,
    DigitsEntered,
    EntryEnd,
    HangUpRequested,
    IncidentDeclared,
    InjectRequested,
    MenuKeyPressed,
    NobodyThere,
    OwnershipLost,
    PromptDue,
    ReconfigureRequested,
    SayRequested,
    SpendReported,
    ToolFinished,
    TransferRequested,
)
from controller.sansio.events.dialect import (
    ApprovalRequested,
    AttachFailed,
    CallerPaused,
    CallerSpoke,
    ChannelLost,
    ChannelOpened,
    Digit,
    FaultReported,
    FloorFree,
    FloorTaken,
    ModelFailed,
    ProviderEnding,
    Ready,
    ServerToolCalled,
    ServerToolsListed,
    SilenceTimedOut,
    SpeechHeard,
    TokensLeft,
    ToolCallsLost,
    ToolsCalled,
    TranscriptAdded,
    UsageReported,
    VoiceHeard,
)
from controller.sansio.events.line import (
    Admitted,
    Answered,
    AnswerFailed,
    HangUpFailed,
    LineEnded,
    Refused,
    RejectSettled,
    TransferDone,
    TransferFailed,
    TransferUnproven,
)
from controller.sansio.events.values import (
    AnswerResult,
    Speech,
    ToolCall,
    ToolOutput,
)
from controller.sansio.usage import Usage

__all__ = [
    "Absence",
    "Admitted",
    "AnswerFailed",
    "AnswerResult",
    "Answered",
    "ApprovalRequested",
    "AttachFailed",
    "BudgetSpent",
    "BudgetWarned",
    "CallerPaused",
    "CallerSpoke",
    "ChannelLost",
    "ChannelOpened",
    "DeadlineReached",
    "Digit",
    "DigitsEntered",
    "EntryEnd",
    "Event",
    "FaultReported",
    "FloorFree",
    "FloorTaken",
    "HangUpFailed",
    "HangUpRequested",
    "IncidentDeclared",
    "InjectRequested",
    "LineEnded",
    "MenuKeyPressed",
    "ModelFailed",
    "NobodyThere",
    "Note",
    "OwnershipLost",
    "PromptDue",
    "ProviderEnding",
    "Ready",
    "ReconfigureRequested",
    "Refused",
    "RejectSettled",
    "SayRequested",
    "ServerToolCalled",
    "ServerToolsListed",
    "SilenceTimedOut",
    "Speech",
    "SpeechHeard",
    "SpendReported",
    "TokensLeft",
    "ToolCall",
    "ToolCallsLost",
    "ToolFinished",
    "ToolOutput",
    "ToolsCalled",
    "TranscriptAdded",
    "TransferDone",
    "TransferFailed",
    "TransferRequested",
    "TransferUnproven",
    "Usage",
    "UsageReported",
    "VoiceHeard",
]

Event: TypeAlias = (
    Admitted
    | Refused
    | Answered
    | AnswerFailed
    | RejectSettled
    | TransferDone
    | TransferUnproven
    | TransferFailed
    | LineEnded
    | HangUpFailed
    | ChannelOpened
    | AttachFailed
    | ChannelLost
    | Ready
    | SpeechHeard
    | VoiceHeard
    | CallerSpoke
    | CallerPaused
    | FloorTaken
    | FloorFree
    | SilenceTimedOut
    | ToolsCalled
    | ToolCallsLost
    | Digit
    | UsageReported
    | TokensLeft
    | ModelFailed
    | ApprovalRequested
    | ServerToolsListed
    | ServerToolCalled
    | TranscriptAdded
    | ProviderEnding
    | FaultReported
    | ToolFinished
    | HangUpRequested
    | SayRequested
    | InjectRequested
    | TransferRequested
    | ReconfigureRequested
    | PromptDue
    | NobodyThere
    | MenuKeyPressed
    | DigitsEntered
    | SpendReported
    | BudgetWarned
    | BudgetSpent
    | IncidentDeclared
    | OwnershipLost
    | DeadlineReached
)

Note: TypeAlias = (
    CallerSpoke
    | VoiceHeard
    | Digit
    | UsageReported
    | TranscriptAdded
    | FaultReported
    | TokensLeft
    | ServerToolsListed
    | ServerToolCalled
    | SpendReported
    | BudgetWarned
)
"""What is recorded. The call's own machine has no use for these; the watchers have for some."""
