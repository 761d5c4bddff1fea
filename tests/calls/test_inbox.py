from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.calls.inbox import FRAMES_LIMIT, SIZE_LIMIT, Inbox
from controller.sansio.events import (
    Answered,
    AttachFailed,
    ChannelLost,
    ChannelOpened,
    Event,
    HangUpRequested,
)

pytestmark = pytest.mark.looptime


async def drain(inbox: Inbox) -> list[Event | str | bytes]:
    items = []
    while (item := await inbox.next(0.01)) is not None:
        items.append(item)
    return items


async def test_what_comes_first_is_read_first() -> None:
    inbox = Inbox()

    inbox.tell(ChannelOpened())
    await inbox.add("one")
    inbox.tell(HangUpRequested())
    await inbox.add(b"two")

    assert await drain(inbox) == [ChannelOpened(), "one", HangUpRequested(), b"two"]


async def test_an_empty_inbox_is_waited_for_until_the_limit() -> None:
    loop = asyncio.get_running_loop()

    assert await Inbox().next(7.5) is None
    assert loop.time() == pytest.approx(7.5)


async def test_an_event_ends_the_wait() -> None:
    inbox = Inbox()
    loop = asyncio.get_running_loop()
    loop.call_later(3, inbox.tell, Answered())

    assert await inbox.next(60) == Answered()
    assert loop.time() == pytest.approx(3)


async def test_an_event_that_comes_with_the_limit_is_not_lost() -> None:
    inbox = Inbox()
    asyncio.get_running_loop().call_later(3, inbox.tell, Answered())

    first = await inbox.next(3)

    assert first or await inbox.next(1)


async def fill(inbox: Inbox, frame: bytes) -> list[int]:
    """Add frames until there is no room, and return how many went in."""
    added = [0]
    while True:
        try:
            async with asyncio.timeout(1):
                await inbox.add(frame)
        except TimeoutError:
            return added
        added[0] += 1


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, FRAMES_LIMIT),
        (100, FRAMES_LIMIT),
        (SIZE_LIMIT // 4, 4),
        (SIZE_LIMIT // 4 + 1, 4),
        (SIZE_LIMIT, 1),
        (16 * SIZE_LIMIT, 1),
    ],
)
async def test_frames_are_bounded_by_number_and_by_size(size: int, expected: int) -> None:
    assert await fill(Inbox(), b"x" * size) == [expected]


async def test_events_need_no_room() -> None:
    inbox = Inbox()
    await fill(inbox, b"x")

    inbox.tell(HangUpRequested())

    assert (await drain(inbox))[-1] == HangUpRequested()


async def test_reading_makes_room_again() -> None:
    inbox = Inbox()
    await fill(inbox, b"x")
    waiting = asyncio.create_task(inbox.add(b"last"))
    await asyncio.sleep(1)
    assert not waiting.done()

    assert await inbox.next(1) == b"x"
    await waiting

    assert (await drain(inbox))[-1] == b"last"
    assert await fill(inbox, b"x") == [FRAMES_LIMIT]


async def test_who_gives_up_waiting_for_room_takes_none() -> None:
    inbox = Inbox()
    for _ in range(3):
        await fill(inbox, b"x")  # ends by giving up

    await drain(inbox)

    assert await fill(inbox, b"x") == [FRAMES_LIMIT]


async def test_what_a_closed_channel_said_is_forgotten_and_nothing_else() -> None:
    inbox = Inbox()
    await fill(inbox, b"x")
    for event in (ChannelOpened(), Answered(), AttachFailed(gone=True), ChannelLost(1006)):
        inbox.tell(event)

    inbox.forget_channel()

    assert await drain(inbox) == [Answered()]
    assert await fill(inbox, b"x") == [FRAMES_LIMIT]


@given(st.lists(st.one_of(st.binary(max_size=8), st.just(None)), max_size=60))
def test_nothing_is_lost_and_nothing_overtakes(steps: list[bytes | None]) -> None:
    """Frames are added, None reads one."""

    async def play() -> None:
        inbox, put, got = Inbox(), [], []
        for step in steps:
            if step is None:
                item = await inbox.next(0)
                got += [] if item is None else [item]
            else:
                await inbox.add(step)
                put.append(step)
        while (item := await inbox.next(0)) is not None:
            got.append(item)
        assert got == put

    asyncio.run(play())
