"""What an agent knows of its targets."""

from __future__ import annotations

import pytest

from controller.sansio.agent import other_uri_form
from tests.sansio.driving import AGENT, RECEPTION


def test_a_target_is_found_by_its_name() -> None:
    target = AGENT.target("reception")
    assert target is not None
    assert target.uri == RECEPTION
    assert AGENT.target("Reception") is None
    assert AGENT.target(RECEPTION) is None


@pytest.mark.parametrize(
    ("uri", "other"),
    [
        ("sip:+12025550123@trunk.example.net", "tel:+12025550123"),
        ("sips:+12025550123@trunk.example.net;transport=tls", "tel:+12025550123"),
        ("sip:reception@trunk.example.net", None),
        ("sip:12025550123@trunk.example.net", None),
        ("sip:+1202@trunk.example.net", None),
        ("sip:+12025550123;ext=4@trunk.example.net", None),
        ("sip:+٢٠٢٥٥٥٠١٢٣@trunk.example.net", None),
        ("mailto:sip:+12025550123@trunk.example.net", None),
        ("tel:+12025550123", None),
        ("", None),
    ],
)
def test_only_a_sip_uri_with_a_whole_number_has_another_form(uri: str, other: str | None) -> None:
    assert other_uri_form(uri) == other
