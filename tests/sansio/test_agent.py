from __future__ import annotations

import pytest

from controller.sansio.agent import Agent, Target, other_uri_form

RECEPTION = Target("reception", "sip:+12025550123@trunk.example.net", "The front desk")


def test_a_target_is_found_by_its_name_and_by_nothing_else() -> None:
    agent = Agent(name="a", model="m", voice="v", instructions="i", targets=(RECEPTION,))

    assert agent.target("reception") is RECEPTION
    assert agent.target("Reception") is None
    assert agent.target(RECEPTION.uri) is None


@pytest.mark.parametrize("uri", ["sip:+12025550123@trunk.example.net", "sips:+12025550123@a;b=c"])
def test_a_sip_uri_with_a_number_has_a_tel_form(uri: str) -> None:
    assert other_uri_form(uri) == "tel:+12025550123"


@pytest.mark.parametrize(
    "uri",
    [
        "tel:+12025550123",
        "sip:desk@pbx.example.net",
        "sip:2025550123@trunk.example.net",
        "sip:+12025@trunk.example.net",
        "sip:+٢٠٢٥٥٥٠١٢٣@trunk.example.net",
        "mailto:sip:+12025550123@trunk.example.net",
        "",
    ],
)
def test_another_uri_has_no_other_form(uri: str) -> None:
    assert other_uri_form(uri) is None
