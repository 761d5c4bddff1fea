"""From the decision to the answer: the machines of a call, and the look-up that may change them.

    decided ──> ask the look-up ──> the same agent ─────────────────────────> answer
                     │                                                          ^
                     └──> another one ──> room under its limits? ──> yes ───────┤
                                                    └──> no: what the limit says, a refusal too

The look-up runs in the call's own task: the delivery has its 200 by then, and the machine waits in
PENDING, so that a hang-up and a deadline are followed as always. A service that begins to drain
meanwhile still answers the call, which was taken before.

What comes late is told to the session as other instructions. A late choice of agent is not
followed: it would change the voice under the caller's ears.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from controller.calls.decided import as_decided
from controller.calls.lookups import QUESTION, Answer, Asked, Lookups, Result
from controller.calls.record import CallRecord, LookedUp
from controller.calls.world import World
from controller.sansio.agent import Agent
from controller.sansio.call import Limits
from controller.sansio.conversation import Circumstances, Conversation
from controller.sansio.events import Admitted, Event, ReconfigureRequested, Refused
from controller.sansio.lookup import Found
from controller.sansio.policy import Accept, Decision, Load, Reject, reassign
from controller.sansio.realtime import Pace
from controller.sansio.templating import Addressed
from controller.sansio.usage import Prices, prices_at
from controller.tools import CallContext

if TYPE_CHECKING:
    from controller.calls.generations import Generation

DECIDING: Final = 1.0
"""Seconds beside the look-up's own within which it must be decided what follows from it."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """With what a call begins: its machines, and what they are told first."""

    conversation: Conversation
    first: Event


@dataclass(frozen=True, slots=True)
class Timing:
    """What the machines of every call are made with, beside the generation."""

    limits: Limits
    pace: Pace | None = None


class Opening:
    """Makes the machines of one call.

    Args:
        record: what is kept of the call.
        generation: what answers it.
        world: the ports.
        timing: how long each step may last.
    """

    def __init__(
        self, record: CallRecord, generation: Generation, world: World, *, timing: Timing
    ) -> None:
        self.record = record
        self.generation = generation
        self.world = world
        self._timing = timing
        self.agents = Addressed(
            generation.agents,
            generation.prompts,
            record.incoming,
            now=record.received_at,
            found=generation.facts,
        )

    def begin(self, decision: Accept | Reject) -> Beginning:
        """Return the machines for a decision; the record names who answers."""
        record = self.record
        record.rule, record.why = decision.rule, decision.why or None
        if isinstance(decision, Reject):
            record.agent = None
            return Beginning(self._conversation(), Refused(decision.status_code))
        targets = self.generation.targets.values()
        record.agent = as_decided(self.agents[decision.agent_name], decision, targets)
        return Beginning(self._conversation(), Admitted())

    def _conversation(self) -> Conversation:
        generation, now = self.generation, self.world.clock.now()
        # A call that is refused needs no agent; the machines ask for one only after an answer.
        agent = self.record.agent or _NOBODY
        return Conversation(
            agent,
            now=now,
            circumstances=Circumstances(
                capacity_code=generation.rules.busy,
                limits=self._limits(),
                pace=self._timing.pace,
                colleagues=self.agents,
                prices=_prices(agent, now, generation),
                secrets=generation.secrets,
                returned_from=self.record.returned.targets,
            ),
        )

    def _limits(self) -> Limits:
        limits, asked = self._timing.limits, self.generation.lookup
        if asked is None:
            return limits
        return replace(limits, decision=max(limits.decision, asked.lookup.timeout + DECIDING))


class Preparation:
    """The look-up of one call, and what follows from it.

    Args:
        opening: makes the machines.
        decision: of the rules.
        lookups: what is asked.
        load: says what is going on, without this call.
    """

    def __init__(
        self, opening: Opening, decision: Accept, lookups: Lookups, *, load: Callable[[], Load]
    ) -> None:
        self._opening = opening
        self._record = opening.record
        self._decision = decision
        self._lookups = lookups
        self._load = load
        self._asked: Asked | None = None
        self._late = Found()

    async def before(self) -> Beginning:
        """Ask, and wait for the answer within its limit; return with what the call begins."""
        self._asked = self._lookups.ask(_context(self._record, self._decision.agent_name))
        answer = await self._asked.answer()
        self._record.looked_up = LookedUp(str(answer.result), answer.seconds)
        self._opening.agents.learn(answer.found.facts)
        return self._opening.begin(await self._decided(answer))

    async def _decided(self, answer: Answer) -> Accept | Reject:
        chosen = answer.found.agent
        if chosen is None or chosen == self._decision.agent_name:
            return self._decision
        assert self._record.looked_up is not None  # noqa: S101 - see `before`
        self._record.looked_up.agent = chosen
        generation, incoming = self._opening.generation, self._record.incoming

        def decide(load: Load) -> Accept | Reject:
            return reassign(
                replace(self._decision, agent_name=chosen),
                incoming=incoming,
                rules=generation.rules,
                load=load,
                now=self._record.received_at,
            )

        load = self._load()
        return await take_shares(
            self._opening.world, self._record, decided=decide(load), load=load, decide=decide
        )

    async def undo(self) -> None:
        """Give back what was taken for a call that was refused meanwhile."""
        await self._opening.world.ledger.release(self._record.call_id)

    async def is_late(self) -> bool:
        """Wait for what was not there in time; tell whether it has come."""
        known = self._record.looked_up
        if known is None or self._asked is None or known.result != Result.TIMEOUT:
            return False
        answer = await self._asked.late_answer()
        if answer is None:
            return False
        known.result, known.seconds = str(answer.result), answer.seconds
        chosen = answer.found.agent
        known.late_agent = None if chosen == self._decision.agent_name else chosen
        self._late = answer.found
        return True

    def change(self, agent: Agent) -> ReconfigureRequested | None:
        """Return what changes of a session by what came late, if anything.

        Args:
            agent: who talks with the caller now. Who takes the call over from now on is told too.
        """
        agents = self._opening.agents
        before = agents[agent.name].instructions
        agents.learn(self._late.facts)
        instructions = agents[agent.name].instructions
        if instructions == before:
            return None
        return ReconfigureRequested(instructions, agent=agent.name)

    def stop(self) -> None:
        """The call is over: wait for nothing any more."""
        if self._asked is not None:
            self._asked.stop()


async def take_shares(
    world: World,
    record: CallRecord,
    *,
    decided: Decision,
    load: Load,
    decide: Callable[[Load], Decision],
) -> Accept | Reject:
    """Take the call's shares; where there is no room for one, decide again with that known.

    It ends: a decision never asks for a share of which it was told that there is no room.

    Args:
        world: the ports.
        record: of the call.
        decided: with `load`.
        load: what is going on.
        decide: decides again.
    """
    while isinstance(decided, Accept):
        full = await world.ledger.reserve(record.call_id, decided.shares)
        if full is None:
            return decided
        load = replace(load, full=load.full | {full.key})
        decided = decide(load)
    assert isinstance(decided, Reject)  # noqa: S101 - a call that is ours stays ours
    return decided


def _context(record: CallRecord, agent_name: str) -> CallContext:
    incoming = record.incoming
    return CallContext(
        call_id=record.call_id,
        sip_call_id=incoming.sip_call_id,
        caller_shown=incoming.caller_shown.e164,
        called_number=incoming.called.e164,
        agent=agent_name,
        tool_call_id=QUESTION,
    )


def _prices(agent: Agent, now: float, generation: Generation) -> Prices | None:
    """Return what the agent's model costs today, with the transcription beside it."""
    transcription = agent.transcription
    beside = transcription.get("model") if transcription else None
    return prices_at(generation.prices, agent.model, beside, now)


_NOBODY = Agent(name="", model="", voice="", instructions="")
