"""The state table of a call, as data. Everything that affects transitions stands here.

Rule 1. A pair (state, event) that is not in the table means nothing there: the event is ignored and
counted. A late, duplicate or unknown event is never an error.
Rule 2. A handler may lead to the states that its row names, or leave the state as it is; a test
holds every step of random histories against this.
Rule 3. The picture in the README is drawn from this table (`diagram`); a test fails when they
differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from controller.sansio import events as ev
from controller.sansio.call import (
    answering,
    attaching,
    built_in,
    closing,
    ending,
    fillers,
    menu,
    referring,
    talking,
    tooling,
)
from controller.sansio.call.state import Handler, State


@dataclass(frozen=True, slots=True)
class Row:
    """What one event does in one state."""

    handle: Handler
    to: frozenset[State]
    """Where it may lead, beside staying."""


def _row(handle: Handler, *to: State) -> Row:
    return Row(handle, frozenset(to))


_S = State
_RELEASE: dict[type, Row] = {ev.OwnershipLost: _row(ending.ownership_lost, _S.RELEASED)}
_TOOLS: dict[type, Row] = {
    ev.ToolFinished: _row(tooling.tool_finished),
    ev.ToolCallsLost: _row(tooling.tool_calls_lost),
    ev.DigitsEntered: _row(tooling.digits_entered),
    ev.FloorTaken: _row(fillers.floor_taken),
    ev.FloorFree: _row(fillers.floor_free),
}
_GONE: dict[type, Row] = {ev.LineEnded: _row(attaching.line_ended, _S.ENDED)}

TABLE: Mapping[State, Mapping[type, Row]] = MappingProxyType(
    {
        _S.PENDING: {
            ev.Admitted: _row(answering.admitted, _S.ACCEPTING),
            ev.Refused: _row(answering.refused, _S.REJECTING),
            ev.HangUpRequested: _row(answering.undecided, _S.REJECTING),
            ev.DeadlineReached: _row(answering.undecided, _S.REJECTING),
            **_GONE,
            **_RELEASE,
        },
        _S.ACCEPTING: {
            ev.Answered: _row(answering.answered, _S.ATTACHING),
            ev.AnswerFailed: _row(answering.answer_failed, _S.ATTACHING, _S.REJECTING, _S.ENDED),
            ev.IncidentDeclared: _row(attaching.incident_declared),
            ev.HangUpRequested: _row(answering.hang_up_requested, _S.ENDING, _S.REJECTING),
            ev.DeadlineReached: _row(answering.answer_overdue, _S.ATTACHING),
            **_GONE,
            **_RELEASE,
        },
        _S.REJECTING: {
            ev.RejectSettled: _row(answering.reject_settled, _S.ENDED),
            ev.DeadlineReached: _row(answering.reject_overdue, _S.ENDED),
            **_GONE,
            **_RELEASE,
        },
        _S.ATTACHING: {
            ev.Answered: _row(answering.answered_late),
            ev.ChannelOpened: _row(attaching.opened),
            ev.AttachFailed: _row(attaching.failed, _S.ENDING, _S.ENDED),
            ev.ChannelLost: _row(attaching.lost, _S.ENDING),
            ev.Ready: _row(attaching.ready, _S.ACTIVE),
            ev.SpeechHeard: _row(talking.speech_heard, _S.ENDING),
            **_TOOLS,
            ev.ProviderEnding: _row(attaching.provider_ending),
            ev.SayRequested: _row(talking.say_requested),
            ev.InjectRequested: _row(talking.inject_requested),
            ev.ReconfigureRequested: _row(talking.reconfigure_requested),
            ev.TransferRequested: _row(talking.transfer_requested, _S.ENDING),
            ev.BudgetSpent: _row(talking.budget_spent, _S.ENDING),
            ev.IncidentDeclared: _row(attaching.incident_declared),
            ev.HangUpRequested: _row(talking.hang_up_requested, _S.ENDING),
            ev.DeadlineReached: _row(attaching.deadline, _S.ENDING),
            **_GONE,
            **_RELEASE,
        },
        _S.ACTIVE: {
            ev.SpeechHeard: _row(talking.speech_heard, _S.ENDING),
            ev.ToolsCalled: _row(tooling.tools_called, _S.ENDING),
            ev.ApprovalRequested: _row(built_in.approval_requested),
            **_TOOLS,
            ev.ProviderEnding: _row(attaching.provider_ending),
            ev.ChannelLost: _row(attaching.lost, _S.ATTACHING, _S.ENDING),
            ev.SayRequested: _row(talking.say_requested),
            ev.InjectRequested: _row(talking.inject_requested),
            ev.ReconfigureRequested: _row(talking.reconfigure_requested),
            ev.TransferRequested: _row(talking.transfer_requested, _S.ENDING),
            ev.BudgetSpent: _row(talking.budget_spent, _S.ENDING),
            ev.IncidentDeclared: _row(attaching.incident_declared),
            ev.PromptDue: _row(talking.prompt_due),
            ev.NobodyThere: _row(talking.nobody_there, _S.ENDING),
            ev.MenuKeyPressed: _row(menu.pressed, _S.ENDING),
            ev.ModelFailed: _row(talking.model_failed, _S.ENDING),
            ev.HangUpRequested: _row(talking.hang_up_requested, _S.ENDING),
            ev.DeadlineReached: _row(talking.deadline, _S.ENDING),
            **_GONE,
            **_RELEASE,
        },
        _S.ENDING: {
            ev.Answered: _row(answering.settled_while_ending),
            ev.AnswerFailed: _row(answering.settled_while_ending, _S.REJECTING, _S.ENDED),
            ev.ChannelOpened: _row(attaching.opened),
            ev.AttachFailed: _row(attaching.failed, _S.ENDED),
            ev.ChannelLost: _row(attaching.lost_while_ending),
            ev.Ready: _row(attaching.ready),
            ev.SpeechHeard: _row(closing.speech_heard),
            ev.ToolsCalled: _row(tooling.tools_called_while_ending),
            ev.ApprovalRequested: _row(built_in.approval_requested),
            **_TOOLS,
            ev.ProviderEnding: _row(attaching.provider_ending),
            ev.TransferUnproven: _row(referring.transfer_unproven),
            ev.TransferDone: _row(referring.transfer_done, _S.ENDED),
            ev.TransferFailed: _row(referring.transfer_failed, _S.ACTIVE, _S.ATTACHING),
            ev.LineEnded: _row(ending.line_ended, _S.ENDED),
            ev.HangUpFailed: _row(ending.hang_up_failed, _S.ENDED),
            ev.BudgetSpent: _row(talking.budget_spent),
            ev.IncidentDeclared: _row(attaching.incident_declared),
            ev.HangUpRequested: _row(ending.hang_up_requested),
            ev.DeadlineReached: _row(
                attaching.overdue_while_ending, _S.ACTIVE, _S.ATTACHING, _S.ENDED
            ),
            **_RELEASE,
        },
        _S.ENDED: {},
        _S.RELEASED: {},
    }
)


def transitions() -> Iterator[tuple[State, State, str]]:
    """Yield every move that the table allows: from, to, and the events that cause it."""
    for state, rows in TABLE.items():
        for to in State:
            causes = [event.__name__ for event, row in rows.items() if to in row.to]
            if causes:
                yield state, to, ", ".join(causes)


def diagram() -> str:
    """Draw the table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.PENDING.name}"]
    released = ev.OwnershipLost.__name__
    for state, to, causes in transitions():
        if causes != released:
            lines.append(f"    {state.name} --> {to.name}: {causes}")
    lines.append(f"    {State.ENDED.name} --> [*]")
    lines.append(f"    note right of {State.RELEASED.name}: from any state, {released}")
    return "\n".join(lines) + "\n"
