"""The policy of `controller.toml`, over the whole service: who is let in, and who is told what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.simulator import EndedBy, SimulatedCall, parse

pytestmark = pytest.mark.looptime

SECRET = "a secret that the trunk writes"
STAYS = "stays = 600.0\npatience = 600"
OF_THE_TRUNK = f'headers = {{ X-Trunk-Secret = "{SECRET}" }}\n{STAYS}'
POLICY = (
    '[[policy.limits]]\nname = "caller"\nby = "caller"\nat_most = 1\nreject = 486\n'
    f'[trunk]\nheader = {{ X-Trunk-Secret = "{SECRET}" }}\nverified_at = 2026-11-20\n'
)


async def ended(call: SimulatedCall) -> tuple[EndedBy, int | None]:
    ending = await call.ended
    return ending.by, ending.status_code


async def test_a_stranger_is_refused_and_a_caller_of_the_trunk_is_let_in_once(
    house: Any, tmp_path: Path
) -> None:
    path = tmp_path / "controller.toml"
    path.write_text(path.read_text() + POLICY)
    home = await house()

    stranger = await home.openai.place_call(parse(STAYS))
    assert await ended(stranger) == (EndedBy.REJECTED, 403)

    first = await home.openai.place_call(parse(OF_THE_TRUNK))
    assert await first.wait_until(lambda: first.heard, 30.0)
    second = await home.openai.place_call(parse(OF_THE_TRUNK))
    assert await ended(second) == (EndedBy.REJECTED, 486)
    assert not first.is_over

    _, body = await home.get("/readyz")
    assert "trunk_unverified" not in body["notes"]


async def test_a_trunk_that_nobody_has_measured_is_said_to_be_unverified(house: Any) -> None:
    home = await house()

    _, body = await home.get("/readyz")

    assert "trunk_unverified" in body["notes"]
