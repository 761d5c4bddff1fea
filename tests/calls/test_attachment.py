"""The socket to the model, over channels that a test opens, closes and delays by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from structlog.testing import capture_logs

from controller.calls.attachment import Attachment
from controller.calls.inbox import FRAMES_LIMIT, Inbox
from controller.calls.ports import Channel, Channels
from controller.calls.traffic import Traffic
from controller.errors import ChannelClosed, ChannelRefused
from controller.sansio.call import Limits
from controller.sansio.events import AttachFailed, ChannelLost, ChannelOpened
from tests.calls.house import LoopClock, Open

pytestmark = pytest.mark.looptime


class HandChannel:
    """Gives what is put into it."""

    def __init__(self) -> None:
        self.frames: asyncio.Queue[str | None] = asyncio.Queue()
        self.sent: list[str] = []
        self.taken = 0
        self.closed = 0

    async def receive(self) -> str:
        frame = None if self.closed else await self.frames.get()
        if frame is None:
            raise ChannelClosed(1006)
        self.taken += 1
        return frame

    async def send(self, frame: str) -> None:
        if self.closed:
            raise ChannelClosed(1006)
        self.sent.append(frame)

    async def close(self) -> None:
        self.closed += 1


class HandChannels:
    """Opens channels after as many seconds as told; a negative number refuses."""

    def __init__(self, *seconds: float) -> None:
        self._seconds = list(seconds)
        self.opened: list[HandChannel] = []

    async def open(self, provider_id: str) -> HandChannel:
        seconds = self._seconds.pop(0)
        if seconds < 0:
            raise ChannelRefused(int(-seconds))
        await asyncio.sleep(seconds)
        self.opened.append(HandChannel())
        return self.opened[-1]


def is_wanted(frame: str | bytes) -> bool:
    return frame != "unused"


class Bench:
    """An attachment, its inbox, and whoever owns its tasks."""

    def __init__(self, *seconds: float) -> None:
        self.channels = HandChannels(*seconds)
        self.inbox = Inbox()
        self.traffic = Traffic()
        self.attachment = Attachment(
            self.channels,
            "rtc_1",
            self.inbox,
            wants=is_wanted,
            clock=LoopClock(),
            traffic=self.traffic,
        )
        self.tasks: list[asyncio.Task[None]] = []

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        self.tasks.append(asyncio.create_task(work))
        return self.tasks[-1]

    async def open(self) -> None:
        await self.attachment.open(self.start)

    async def told(self) -> list[Any]:
        told = []
        while (item := await self.inbox.next(0.01)) is not None:
            told.append(item)
        return told

    async def end(self) -> None:
        await self.attachment.close()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def test_frames_follow_the_opening_and_the_loss_follows_them() -> None:
    bench = Bench(1)
    await bench.open()
    await asyncio.sleep(2)
    (channel,) = bench.channels.opened

    for frame in ("one", "unused", "two", None):
        channel.frames.put_nowait(frame)

    assert await bench.told() == [ChannelOpened(), "one", "two", ChannelLost(1006)]
    assert channel.closed == 1
    await bench.end()


async def test_every_attempt_and_every_close_code_is_kept_and_logged() -> None:
    refused, opened = Bench(-503), Bench(1)
    with capture_logs() as entries:
        for bench in (refused, opened):
            await bench.open()
            await asyncio.sleep(2)
        opened.channels.opened[0].frames.put_nowait(None)
        await opened.told()

    (attempt,) = refused.traffic.requests
    assert (attempt.request.verb, attempt.request.status) == ("attach", "503")
    (attempt,) = opened.traffic.requests
    assert (attempt.request.verb, attempt.request.status) == ("attach", "101")
    assert opened.traffic.close_code == 1006
    assert [(entry["event"], entry["phase"]) for entry in entries] == [
        ("sideband", "refused"),
        ("sideband", "open"),
        ("sideband", "closed"),
    ]
    for bench in (refused, opened):
        await bench.end()


async def test_a_provider_that_is_away_for_minutes_fills_the_record_and_not_the_log() -> None:
    bench = Bench(-503, -503, -503, -500, 1)
    with capture_logs() as entries:
        for _ in range(5):
            await bench.open()
            await asyncio.sleep(2)

    assert [each.request.status for each in bench.traffic.requests] == ["503"] * 3 + ["500", "101"]
    assert [each["status"] for each in entries] == ["503", "500", "101"]
    await bench.end()


async def test_what_we_close_ourselves_has_no_close_code() -> None:
    bench = Bench(1)
    await bench.open()
    await asyncio.sleep(2)
    await bench.end()

    assert bench.traffic.closes == ()


@pytest.mark.parametrize(("status", "gone"), [(404, True), (500, False), (401, False)])
async def test_only_a_404_says_that_the_call_is_gone(status: int, *, gone: bool) -> None:
    bench = Bench(-status)

    await bench.open()

    assert await bench.told() == [AttachFailed(gone=gone)]
    await bench.end()


async def test_frames_are_sent_while_it_is_open_and_lost_when_not() -> None:
    bench = Bench(0)

    await bench.attachment.send("too early")
    await bench.open()
    await asyncio.sleep(1)
    await bench.attachment.send("in time")
    await bench.attachment.close()
    await bench.attachment.send("too late")

    assert bench.channels.opened[0].sent == ["in time"]
    await bench.end()


async def test_a_channel_that_breaks_while_we_send_is_the_readers_to_report() -> None:
    bench = Bench(0)
    await bench.open()
    await asyncio.sleep(1)
    (channel,) = bench.channels.opened
    await channel.close()

    await bench.attachment.send("lost")
    channel.frames.put_nowait(None)

    assert await bench.told() == [ChannelOpened(), ChannelLost(1006)]
    await bench.end()


async def test_an_attempt_that_was_given_up_does_not_open_behind_the_next_one() -> None:
    bench = Bench(5, 1)
    await bench.open()
    await asyncio.sleep(3)

    await bench.open()
    await asyncio.sleep(10)

    (channel,) = bench.channels.opened
    assert await bench.told() == [ChannelOpened()]
    await bench.attachment.send("frame")
    assert (channel.sent, channel.closed) == (["frame"], 0)
    await bench.end()
    assert channel.closed == 1


async def test_an_attempt_that_was_closed_does_not_open_at_all() -> None:
    bench = Bench(5)
    await bench.open()

    await bench.end()
    await asyncio.sleep(10)

    assert bench.channels.opened == []
    assert await bench.told() == []


async def test_nothing_of_a_closed_channel_is_heard_after_the_next_one_opened() -> None:
    bench = Bench(0, 0)
    await bench.open()
    await asyncio.sleep(1)
    for number in range(FRAMES_LIMIT * 2):
        bench.channels.opened[0].frames.put_nowait(f"old {number}")
    await asyncio.sleep(1)  # the reader holds a frame for which there is no room

    await bench.open()
    await asyncio.sleep(1)
    bench.channels.opened[1].frames.put_nowait("new")

    assert await bench.told() == [ChannelOpened(), "new"]
    await bench.end()


async def test_reading_stops_while_nobody_takes_the_frames() -> None:
    bench = Bench(0)
    await bench.open()
    await asyncio.sleep(1)
    (channel,) = bench.channels.opened
    for number in range(1000):
        channel.frames.put_nowait(str(number))

    await asyncio.sleep(60)
    assert channel.taken == FRAMES_LIMIT + 1

    assert await bench.told() == [ChannelOpened(), *map(str, range(1000))]
    await bench.end()


async def test_closing_twice_closes_once() -> None:
    bench = Bench(0)
    await bench.open()
    await asyncio.sleep(1)

    await bench.end()
    await bench.end()

    assert bench.channels.opened[0].closed == 1


class LateChannels:
    """The first socket opens late, whatever the client's own limit is."""

    def __init__(self, inner: Channels, seconds: float) -> None:
        self._inner = inner
        self._seconds = seconds

    async def open(self, provider_id: str) -> Channel:
        seconds, self._seconds = self._seconds, 0
        await asyncio.sleep(seconds)
        return await self._inner.open(provider_id)


@pytest.mark.parametrize("seconds", [0.45, 0.5, 0.55, 0.7, 0.71, 0.8, 1.5])
async def test_a_call_lives_whenever_its_first_attempt_comes_after_all(
    open_house: Open, seconds: float
) -> None:
    house = await open_house(
        limits=Limits(attach_try=0.5), channels=lambda inner: LateChannels(inner, seconds)
    )

    call = await house.play('caller = ["Hello?", "Bye.", { hangs_up = true }]')

    assert house.outcomes == [("caller_hung_up", None)]
    assert call.heard[:2] == ["Hello, how can I help you?", "You said: Hello?"]
    assert "reattaches" not in house.lines[0] or house.lines[0]["reattaches"] == 0
