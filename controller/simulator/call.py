"""One simulated call, from the INVITE to its end.

```
RINGING --accept--> ACCEPTED --SIP leg answered--> LIVE --> ENDED
   |  reject, caller gives up, nobody decides                ^
   +---------------------------------------------------------+
```

A sideband can be attached while the call is ACCEPTED or LIVE; it comes and goes without touching
the call. Every way to end goes through `end`, once.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from controller.simulator.caller import Caller
from controller.simulator.client_events import ClientEvents
from controller.simulator.conversation import Conversation
from controller.simulator.ending import EndedBy, Ending, Phase
from controller.simulator.faults import Faults, Point
from controller.simulator.hearing import Hearing
from controller.simulator.host import Bell, pause
from controller.simulator.http_answers import HttpAnswers
from controller.simulator.journal import Source
from controller.simulator.lifetime import Lifetime
from controller.simulator.model import Model
from controller.simulator.record import CallRecord
from controller.simulator.session import new_session
from controller.simulator.sidebands import Sidebands
from controller.simulator.wire import JsonObject, RefusedError, call_not_found

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from controller.simulator.scenario import Scenario
    from controller.simulator.server import OpenAISimulator
    from controller.simulator.sideband import Sideband
    from controller.simulator.switches import Pace, Switches
    from controller.simulator.wire import Ids


_DEAD_CALL_LIMIT = 4.0  # a report of May 2026: the call drops about 4 s after accept
_HTTP_OK = 200


class SimulatedCall(CallRecord):
    """A call that the stand-in plays; made by `OpenAISimulator.place_call`."""

    def __init__(self, simulator: OpenAISimulator, scenario: Scenario, faults: Faults) -> None:
        self.ids: Ids = simulator.ids
        super().__init__(self.ids.new("rtc_u0"), scenario, simulator.journal)
        self.faults = faults
        self.pace: Pace = scenario.pace or simulator.pace
        self.switches: Switches = simulator.switches
        self.live_session_id = self.ids.new("live")
        self.sip_call_id = f"{self.ids.new('sip')}@trunk.example.net"
        self.phase = Phase.RINGING
        self._sidebands = Sidebands(self.call_id, self._journal, self.ids, self.switches)
        self.http = HttpAnswers(scenario.http)
        self._simulator = simulator
        self._bell = Bell()
        self._live_at: float | None = None
        self._is_dead = False
        self._dies: tuple[EndedBy, float] | None = None
        self._hearing: Hearing | None = None
        self._events: ClientEvents | None = None
        self._leg_timer: asyncio.TimerHandle | None = None
        limit = scenario.session_limit
        self._lifetime = Lifetime(
            self, self.switches.session_limit if limit is None else limit, self.end
        )
        self._deliveries: asyncio.Task[None] | None = None
        self._next_call: SimulatedCall | None = None
        self.task: asyncio.Task[None] | None = None

    # Host of the conversation and the caller

    @property
    def wall_time(self) -> float:
        """Unix seconds."""
        return self._simulator.clock()

    @property
    def audio_ms(self) -> int:
        """Milliseconds since the SIP leg was answered."""
        if self._live_at is None:
            return 0
        return round((asyncio.get_running_loop().time() - self._live_at) * 1000)

    @property
    def conversation(self) -> Conversation:
        """The conversation; only from accept on."""
        assert self._conversation is not None  # noqa: S101 - a mistake of the stand-in itself
        return self._conversation

    @property
    def hearing(self) -> Hearing:
        """The model's ears; only from accept on."""
        assert self._hearing is not None  # noqa: S101 - a mistake of the stand-in itself
        return self._hearing

    @property
    def sidebands(self) -> list[Sideband]:
        """The sidebands that are attached."""
        return list(self._sidebands.attached)

    @property
    def attached(self) -> int:
        """How many sidebands were attached so far."""
        return self._sidebands.count

    @property
    def is_over(self) -> bool:
        """Whether the call has ended."""
        return self.phase is Phase.ENDED

    def record(self, source: Source, name: str, body: Any = None) -> None:
        """Write an entry about this call."""
        self._journal.record(self.call_id, source, name, body)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run a task that the simulator owns."""
        return self._simulator.spawn(work, f"{self.call_id}: {name}")

    def ring(self) -> None:
        """Wake who waits for a change."""
        self._bell.ring()

    async def wait_until(self, holds: Callable[[], bool], limit: float | None = None) -> bool:
        """Wait until `holds()` or the call is over; return whether `holds()`."""
        await self._bell.wait_until(lambda: self.is_over or holds(), limit)
        return bool(holds())

    def emit(self, event_type: str, /, **fields: Any) -> None:
        """Send an event to every sideband; it is lost if there is none."""
        if self.is_over:
            return
        self._sidebands.emit(event_type, **fields)
        if event_type == "output_audio_buffer.stopped":
            self.hearing.start_idle_timer()

    def emit_to(self, sideband: Sideband, event_type: str, /, **fields: Any) -> None:
        """Send an event to one sideband alone."""
        self._sidebands.emit_to(sideband, event_type, **fields)

    # Life

    async def run(self) -> None:
        """Play the call to its end."""
        self.record(Source.CALL, "rings", {"from": self.scenario.caller, "to": self.scenario.to})
        self._deliveries = self.spawn(self._simulator.deliver_all(self), "deliveries")
        ringing = self.faults.take(Point.RINGING)
        patience = self.switches.decision_limit
        if ringing is not None:
            patience = ringing.effect.seconds
        await self.wait_until(lambda: self.phase is not Phase.RINGING, patience)
        if self.phase is Phase.RINGING:
            if ringing is not None:
                self.record(Source.FAULT, ringing.fault)
                self._is_dead = ringing.effect.variant == "unnoticed"
            gave_up = ringing is not None
            self.end(Ending(EndedBy.CALLER_GAVE_UP if gave_up else EndedBy.UNANSWERED))
        await self._establish()
        if self.phase is Phase.LIVE:
            self.caller = Caller(self, self.scenario.steps)
            await self.caller.run()
            self.end(Ending(EndedBy.CALLER_HUNG_UP))
        await self._go_on()

    async def _establish(self) -> None:
        if self.is_over:
            return
        if self._dies is not None:
            await pause(self._dies[1])
            self.end(Ending(self._dies[0]))
            return
        await pause(self.pace.establish)
        if not self.is_over:
            self._live_at = asyncio.get_running_loop().time()
            self.phase = Phase.LIVE
            self.record(Source.CALL, "is answered")
            self._lifetime.begin()
            self.ring()

    async def _go_on(self) -> None:
        """Place the calls that follow this one, unless the stand-in is being stopped."""
        await self.ended
        if not self.scenario.then or self._simulator.is_stopping:
            return
        following, *rest = self.scenario.then
        await pause(following.pause)
        following = replace(following, then=(*following.then, *rest))
        self._next_call = self.following = await self._simulator.place_call(following)

    async def settled(self) -> None:
        """Wait until the call, and those that follow it, are over and their deliveries answered."""
        await self.ended
        waiting = {task for task in (self._deliveries, self.task) if task is not None}
        await asyncio.wait(waiting)
        if self._next_call is not None:
            await self._next_call.settled()

    def end(self, ending: Ending) -> None:
        """End the call; a second end changes nothing."""
        if self.is_over:
            return
        if self._conversation is not None:
            self.conversation.close()
            self.hearing.close()
        self.phase = Phase.ENDED
        self.outcome = ending
        self._lifetime.close()
        if self._leg_timer is not None:
            self._leg_timer.cancel()
        self.record(Source.CALL, "ended", ending)
        self._sidebands.end(self._close_code(ending), "Your session ended.")
        self._ended.set_result(ending)
        self._simulator.over(self)
        self.ring()

    def _close_code(self, ending: Ending) -> int | None:
        if ending.by is EndedBy.EXPIRED:
            return 1001  # "Your session hit the maximum duration of 60 minutes."
        return {"drop": None, "close_1000": 1000, "close_1001": 1001}[self.switches.end_of_call]

    # What REST asks for; each raises RefusedError where OpenAI refuses

    def accept(self, body: JsonObject, *, is_valid: bool = True) -> None:
        """Accept the call with a checked body; an invalid one makes a call that dies."""
        if self.is_over and self._is_dead:
            return  # community 1368239: accept gives 200 although the caller is gone
        self._undecided()
        dead = self.faults.take(Point.ESTABLISH)
        if dead is not None:
            self.record(Source.FAULT, dead.fault)
        leaves = dead is not None and dead.effect.variant == "caller"
        self._is_dead = not leaves and (dead is not None or not is_valid)
        if leaves or self._is_dead:
            seconds = dead.effect.seconds if dead is not None else _DEAD_CALL_LIMIT
            self._dies = (EndedBy.CALLER_GAVE_UP if leaves else EndedBy.DIED, seconds)
        if not self._is_dead:
            self._converse(body)
        self.accept_body = body
        self.phase = Phase.ACCEPTED
        self.record(Source.CALL, "is accepted", body)
        self.ring()

    def _converse(self, body: JsonObject) -> None:
        session = new_session(
            body,
            session_id=self.ids.new("sess"),
            expires_at=int(self.wall_time + self._lifetime.limit),
        )
        self._conversation = Conversation(
            self,
            session,
            Model(self.scenario.rules),
            mcp=self.scenario.mcp,
            tokens_left=self.scenario.tokens_left,
        )
        self._hearing = Hearing(self._conversation)
        self._events = ClientEvents(self._conversation, self._hearing)

    def _undecided(self) -> None:
        if self.is_over:
            raise call_not_found()
        if self.phase is not Phase.RINGING:
            status = self.switches.second_accept_status
            if status == call_not_found().status:
                raise call_not_found()
            raise RefusedError(
                "The call was already decided.", code="decision_already_made", status=status
            )

    def reject(self, status_code: int) -> None:
        """Reject the call with a SIP code."""
        self._undecided()
        self.end(Ending(EndedBy.REJECTED, status_code=status_code))

    def hang_up(self) -> None:
        """End an accepted call."""
        if self.is_over or (
            self.phase is Phase.RINGING and self.switches.hang_up_while_ringing != _HTTP_OK
        ):
            raise call_not_found()
        self.end(Ending(EndedBy.HUNG_UP))

    def refer(self, target_uri: str) -> None:
        """Relay a REFER; what becomes of the leg is a matter of the faults, and never reported."""
        if self.phase not in {Phase.ACCEPTED, Phase.LIVE}:
            raise call_not_found()
        self.referred_to.append(target_uri)
        self.record(Source.CALL, "is referred", target_uri)
        self.ring()
        fault = self.faults.take(Point.LEG)
        variant, seconds = "leaves", 1.0
        if fault is not None:
            self.record(Source.FAULT, fault.fault)
            variant, seconds = fault.effect.variant, fault.effect.seconds
        ending = Ending(EndedBy.REFERRED, target_uri=target_uri)
        if variant == "caller":
            ending = Ending(EndedBy.CALLER_HUNG_UP)
        if variant != "stays" and self._leg_timer is None:
            loop = asyncio.get_running_loop()
            self._leg_timer = loop.call_later(seconds, self.end, ending)

    def leave(self) -> None:
        """The caller hangs up now, whatever the script says."""
        self.end(Ending(EndedBy.CALLER_HUNG_UP))

    # Sidebands

    def cut_sidebands(self, close_code: int | None = None) -> None:
        """End the attached sidebands while the call lives; None sends no close frame."""
        self._sidebands.end(close_code, "cut")

    def admit_sideband(self) -> None:
        """Check that a sideband may be attached.

        Raises:
            RefusedError: 404 before accept, after the end, and for a dead session.
        """
        if self.phase not in {Phase.ACCEPTED, Phase.LIVE} or self._is_dead:
            raise call_not_found()
        self._sidebands.admit()

    def attach(self, sideband: Sideband) -> None:
        """Attach a sideband that is open, and greet it with `session.created`."""
        if self.is_over:
            sideband.end(self._close_code(Ending(EndedBy.HUNG_UP)), "Your session ended.")
            return
        self._sidebands.add(sideband, self.session)
        self.conversation.mcp.declare(self.conversation.session["tools"])
        self.ring()

    def detach(self, sideband: Sideband, close_code: int | None) -> None:
        """Forget a sideband that is closed."""
        self._sidebands.remove(sideband, close_code)
        self.ring()

    def obey(self, event: JsonObject) -> None:
        """Do what a client event asks."""
        if self._events is not None and not self.is_over:
            self._events.obey(event)
