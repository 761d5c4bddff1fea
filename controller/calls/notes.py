"""What is told of a call: to its record, to the metrics, to the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import structlog

from controller.calls.record import CallRecord, Recorded
from controller.calls.world import World, report_outcome
from controller.sansio.agent import Agent
from controller.sansio.commands import (
    RaiseAlarm,
    Report,
    ReportAnswered,
    ReportDisclosure,
    ReportHandOff,
    ReportNoTranscript,
    ReportOutcome,
    ReportReattached,
)
from controller.sansio.events import BudgetWarned, FaultReported, TokensLeft, VoiceHeard

_log = structlog.get_logger()

_IGNORED_FRAMES: Final = frozenset({"binary", "malformed", "not_json"})
"""What the dialect reports of frames that it could not read."""


class Notes:
    """Keeps what a call reports.

    Args:
        record: of the call.
        world: the ports.
        agents: of the generation, by name: a call may be handed to one of them.
    """

    def __init__(self, record: CallRecord, world: World, agents: Mapping[str, Agent]) -> None:
        self._record = record
        self._world = world
        self._agents = agents

    def keep(self, note: Recorded) -> None:
        """Keep what was heard, said, pressed or billed."""
        self._record.note(note, self._world.clock.now())
        match note:
            case FaultReported(code=code) if code in _IGNORED_FRAMES:
                self._world.meter.ignored_frames(code, 1)
            case TokensLeft():
                self._note_tokens(note)
            case VoiceHeard():
                self._note_first_word()
            case BudgetWarned(share=share):
                _log.warning("budget_warned", share=share, cost_usd=self._record.cost())
            case _:
                pass

    def _note_first_word(self) -> None:
        """Keep when the caller first heard the agent, and tell the operator if that was late."""
        record, agent = self._record, self._record.agent
        record.first_word_at = self._world.clock.now()
        speaks_first = agent is not None and bool(agent.greeting or agent.disclosure)
        waited = record.first_word_at - (record.answered_at or record.first_word_at)
        if speaks_first and waited > self._world.alarm_limits.slow_first_word:
            self._world.raise_alarm("slow_first_word")

    def _note_tokens(self, note: TokensLeft) -> None:
        world, agent = self._world, self._record.agent
        world.meter.tokens_left(note.fraction)
        model = agent.model if agent else ""  # voice and model stay in a hand-off
        if world.headroom.note(model, note.fraction, note.reset, world.clock.now()):
            world.raise_alarm("provider_tokens")

    async def report(self, report: Report) -> None:
        """Tell what has become of the call."""
        now, record, meter = self._world.clock.now(), self._record, self._world.meter
        match report:
            case ReportAnswered():
                record.answered_at = now
                meter.answered(now - (record.answer_sent_at or now))
                _log.info("answered", agent=record.agent.name if record.agent else None)
            case ReportDisclosure(result=result, attempts=attempts):
                record.disclosed(result, attempts, now)
                _log.info("disclosure", result=result, attempts=attempts)
            case ReportNoTranscript():
                record.transcript.refuse()
                _log.info("transcript_refused")
            case ReportHandOff(agent=name):
                record.handed_to(self._agents[name])
                _log.info("handed_off", agent=name)
            case ReportReattached():
                record.reattaches += 1
                meter.reattached()
                _log.info("reattached")
            case RaiseAlarm(kind=kind):
                self._world.raise_alarm(kind)
            case ReportOutcome(outcome=outcome, detail=detail):
                record.outcome, record.detail, record.ended_at = outcome, detail, now
                await report_outcome(self._world, record)
