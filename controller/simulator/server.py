"""The stand-in for OpenAI's Realtime SIP side: one port, many calls.

Rules of the house: everything waits on the event loop's clock (so that virtual time works),
timestamps come from the injected clock, every task is owned here and gone after `stop`.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

from controller.errors import SimulatorError
from controller.simulator.call import SimulatedCall
from controller.simulator.ending import EndedBy, Ending
from controller.simulator.faults import FaultLike, Faults, plan
from controller.simulator.forgeries import Forgery, forge
from controller.simulator.host import Bell
from controller.simulator.journal import Entry, Journal
from controller.simulator.rest import Rest
from controller.simulator.scenario import FOREVER, Scenario
from controller.simulator.switches import Pace, Switches
from controller.simulator.webhooks import RETRY_OFFSETS, Answer, Kind, Offer, Sender, event_of
from controller.simulator.wire import Ids

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Sequence

    from controller.simulator.wire import JsonObject

DEFAULT_SECRET = "whsec_c2ltdWxhdGVkLXNlY3JldC1vZi10aGUtc3RhbmQtaW4="  # noqa: S105 - public on purpose
"""The signing secret if none is given; decodes to 32 bytes and protects nothing."""
DEFAULT_API_KEY = "sk-simulated"
"""The API key if none is given."""


class OpenAISimulator:
    """A stand-in for OpenAI: delivers webhooks, answers REST, plays sidebands.

    Args:
        webhook_url: where the service takes deliveries; may be set later.
        secrets: `whsec_…` signing secrets; several sign as during a rotation.
        api_key: what the service must present; anything else gets 401.
        clock: Unix seconds.
        switches: what the documents leave open.
        pace: how long speaking and thinking take, unless a scenario says.
        retry_offsets: seconds between attempts of an unanswered delivery; empty for no retries.
        keep_journal: False for benchmarks; observers still see everything.
        seed: makes identifiers repeatable.

    Example:
        >>> async def one_call() -> None:
        ...     async with OpenAISimulator("http://127.0.0.1:8080/openai/webhook") as openai:
        ...         call = await openai.place_call(parse('caller = ["Hello?", "Bye."]'))
        ...         await call.ended
        ...         print(call.heard)
    """

    def __init__(  # noqa: PLR0913 - the composition root of the stand-in; all but the first have defaults
        self,
        webhook_url: str = "",
        *,
        secrets: Sequence[str] = (DEFAULT_SECRET,),
        api_key: str = DEFAULT_API_KEY,
        clock: Callable[[], float] = time.time,
        switches: Switches | None = None,
        pace: Pace | None = None,
        retry_offsets: Sequence[float] = RETRY_OFFSETS,
        keep_journal: bool = True,
        seed: int | None = None,
    ) -> None:
        self.api_key = api_key
        self.clock = clock
        self.switches = switches or Switches()
        self.pace = pace or Pace()
        self.ids = Ids(seed)
        self.journal = Journal(lambda: asyncio.get_running_loop().time(), keep=keep_journal)
        self.calls: dict[str, SimulatedCall] = {}
        self._sender = Sender(
            webhook_url,
            secrets,
            clock=clock,
            ids=self.ids,
            journal=self.journal,
            retry_offsets=retry_offsets,
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._failures: list[BaseException] = []
        self._runner: web.AppRunner | None = None
        self._stopping = Bell()
        self.is_stopping = False
        self._refuses_until = 0.0
        # Numbers that nobody has: 555-0100 to 0199; the first is the one that is dialled.
        self._callers = itertools.cycle(f"+120255501{n:02}" for n in range(1, 100))
        self._address = ("", 0)

    # Life

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 takes a free one."""
        # Cancelled handlers: a fault that never answers must not outlive its client.
        runner = web.AppRunner(
            Rest(self).application(),
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=0.5,
        )
        await runner.setup()
        await web.TCPSite(runner, host, port, backlog=4096).start()
        self._runner = runner
        self._address = runner.addresses[0][:2]

    async def stop(self) -> None:
        """End every call, close the port, and leave no task behind.

        Raises:
            SimulatorError: a task of the stand-in failed while it ran.
        """
        self.is_stopping = True
        self._stopping.ring()
        for call in list(self.calls.values()):
            call.end(Ending(EndedBy.STOPPED))
        await asyncio.sleep(0)  # sidebands get to know
        for task in list(self._tasks):
            if not task.get_name().endswith("sideband writer"):
                task.cancel()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._sender.close()
        if self._failures:
            raise SimulatorError("a task of the simulator failed") from self._failures[0]

    async def __aenter__(self) -> Self:
        """Listen on a free port."""
        await self.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        """Stop."""
        await self.stop()

    @property
    def base_url(self) -> str:
        """What the service takes as `OPENAI_BASE_URL`."""
        host, port = self._address
        return f"http://{host}:{port}/v1"

    @property
    def http_url(self) -> str:
        """Where web services of scenarios answer: `…/http`."""
        host, port = self._address
        return f"http://{host}:{port}/http"

    @property
    def webhook_url(self) -> str:
        """Where deliveries go."""
        return self._sender.url

    @webhook_url.setter
    def webhook_url(self, url: str) -> None:
        self._sender.url = url

    def on_entry(self, observer: Callable[[Entry], None]) -> None:
        """Call `observer` with each journal entry as it is written."""
        self.journal.observe(observer)

    # Calls

    async def place_call(
        self, scenario: Scenario | None = None, *, faults: Iterable[FaultLike] = ()
    ) -> SimulatedCall:
        """Ring the service; returns while the call rings, await `call.ended` for its end.

        Args:
            scenario: what happens; None is a call without a script, each time by somebody else.
            faults: further faults, by name or planned.
        """
        scenario = scenario or Scenario(caller=next(self._callers))
        planned = [*scenario.faults, *(plan(one) for one in faults)]
        call = SimulatedCall(self, scenario, Faults(planned))
        self.calls[call.call_id] = call
        call.task = self.spawn(call.run(), f"{call.call_id}: call")
        return call

    async def hold_calls(
        self, count: int, per_second: float, scenario: Scenario | None = None
    ) -> list[SimulatedCall]:
        """Place `count` calls, evenly spread, that stay until the service or `stop` ends them.

        Each comes from somebody else, whom no limit of one caller concerns.
        """
        scenario = replace(scenario or Scenario(), stays=FOREVER)
        loop = asyncio.get_running_loop()
        began_at, calls = loop.time(), []
        for number in range(count):
            await asyncio.sleep(max(0.0, began_at + number / per_second - loop.time()))
            calls.append(await self.place_call(replace(scenario, caller=next(self._callers))))
        return calls

    def cut_sidebands(
        self, share: float = 1.0, *, refuse_for: float = 0.0, close_code: int | None = None
    ) -> int:
        """Cut the sidebands of many calls at once, while the calls live.

        Args:
            share: which part of the calls that have one, the oldest first; 1 for all.
            refuse_for: seconds in which no sideband of any call can be attached (503).
            close_code: None sends no close frame.

        Returns:
            How many calls lost theirs.
        """
        attached = [call for call in self.calls.values() if call.sidebands]
        struck = attached[: math.ceil(len(attached) * share)]
        self._refuses_until = asyncio.get_running_loop().time() + refuse_for
        for call in struck:
            call.cut_sidebands(close_code)
        return len(struck)

    @property
    def refuses_sidebands(self) -> bool:
        """Whether no sideband can be attached, since many were cut."""
        return asyncio.get_running_loop().time() < self._refuses_until

    async def forge(self, forgery: Forgery | str, scenario: Scenario | None = None) -> Answer:
        """Send one bad delivery that tells of no existing call, and return the answer."""
        offer = self._offer(scenario or Scenario(), self.ids.new("rtc_u0"), self.ids.new("live"))
        return await self._forge(Forgery(forgery), offer, "")

    def over(self, call: SimulatedCall) -> None:
        """Forget an ended call once its entries are not kept; its id stays unknown from then on."""
        if not self.journal.keep:
            self.calls.pop(call.call_id, None)

    async def deliver_all(self, call: SimulatedCall) -> None:
        """Send a call's deliveries, each after the answer to the one before."""
        offer = self._offer(call.scenario, call.call_id, call.live_session_id, call.sip_call_id)
        webhook_id = ""
        event: JsonObject = {}
        created_at = int(self.clock())
        for kind in call.scenario.webhooks:
            if kind in set(Forgery):
                await self._forge(Forgery(kind), offer, call.call_id)
                continue
            if kind != Kind.DUPLICATE or not event:
                webhook_id = self.ids.new("wh")
                event_id = self.ids.new("evt")
                event = event_of(kind, offer, event_id=event_id, created_at=created_at)
            await self._sender.deliver(webhook_id, event, kind=kind, call_id=call.call_id)

    async def _forge(self, forgery: Forgery, offer: Offer, call_id: str) -> Answer:
        now = int(self.clock())
        event = event_of(Kind.INCOMING, offer, event_id=self.ids.new("evt"), created_at=now)
        delivery = forge(
            forgery, event, keys=self._sender.keys, webhook_id=self.ids.new("wh"), now=now
        )
        return await self._sender.deliver_raw(delivery, kind=forgery, call_id=call_id)

    def _offer(
        self, scenario: Scenario, call_id: str, live_session_id: str, sip_call_id: str = "forged"
    ) -> Offer:
        return Offer(
            call_id=call_id,
            live_session_id=live_session_id,
            sip_headers=scenario.sip_headers(sip_call_id),
            media_security=scenario.media_security,
        )

    # Tasks

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run a task that `stop` ends; its failure is reported by `stop`."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        failure = None if task.cancelled() else task.exception()
        if failure is not None:
            self.failed(failure)

    def failed(self, failure: BaseException) -> None:
        """Remember a mistake of the stand-in itself; `stop` raises it."""
        self._failures.append(failure)

    async def pause(self, seconds: float) -> None:
        """Wait, but not longer than the stand-in runs."""
        await self._stopping.wait_until(lambda: self.is_stopping, seconds)
