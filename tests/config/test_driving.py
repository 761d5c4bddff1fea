from __future__ import annotations

import base64
from typing import Any

import pytest
from pydantic import ValidationError

from controller.calls.world import AlarmLimits
from controller.config.driving import (
    ConversationSection,
    Handover,
    HttpToolsSection,
    Incident,
)
from controller.config.sections import Policy
from controller.sansio.call import Limits
from controller.sansio.realtime import Pace

KEY = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()


def test_the_defaults_are_those_of_the_machines() -> None:
    found, pace, limits = ConversationSection(), Pace(), Limits()

    assert (found.greeting_delay, found.greeting_hold) == (pace.greeting_delay, pace.hold)
    assert found.disclosure_hold == pace.hold_disclosure
    assert (found.response_start_timeout, found.response_finish_timeout) == (
        pace.start,
        pace.finish,
    )
    assert (found.reattach_timeout, found.transfer_timeout) == (limits.reattach, limits.refer)


def test_the_defaults_of_what_is_late_are_those_of_the_calls() -> None:
    found, limits = ConversationSection(), AlarmLimits()

    assert found.slow_answer_limit == limits.slow_answer
    assert found.slow_first_word_limit == limits.slow_first_word


def test_the_defaults_of_an_incident_are_the_operators() -> None:
    found = Incident()

    assert (found.share, found.at_least, found.within, found.lasts, found.reattach_rate) == (
        0.2,
        3,
        10.0,
        120.0,
        50.0,
    )


@pytest.mark.parametrize("secret", [KEY, f"{KEY} {KEY}", f"{KEY},{KEY}"])
def test_a_signing_secret_is_one_of_standard_webhooks_or_several(secret: str) -> None:
    found = HttpToolsSection.model_validate({"signing_secret": secret})

    assert found.signing_secret is not None
    assert found.signing_secret.get_secret_value() == secret
    assert "MDEy" not in repr(found)


@pytest.mark.parametrize("secret", ["", "hush", "whsec_", "whsec_aHVzaA==", KEY[:-4]])
def test_a_weak_signing_secret_is_refused_and_not_shown_by_the_cure(secret: str) -> None:
    with pytest.raises(ValidationError) as caught:
        HttpToolsSection.model_validate({"signing_secret": secret})

    (error,) = caught.value.errors()
    assert error["msg"] == "must be one or more secrets: whsec_ and the base64 of 24 to 64 bytes"


@pytest.mark.parametrize("length", [0, 31])
def test_a_short_handover_secret_is_refused(length: int) -> None:
    with pytest.raises(ValidationError, match="must have at least 32 bytes"):
        Handover.model_validate({"secret": "x" * length})


def test_a_handover_secret_of_32_bytes_is_taken() -> None:
    found = Handover.model_validate({"secret": "\u00e4" * 16, "encodings": ["jwt"]})

    assert found.secret is not None
    assert found.encodings == ("jwt",)


@pytest.mark.parametrize("encodings", [[], ["base64"], ["hex", "jwt", "hex"]])
def test_a_token_is_written_in_a_known_way(encodings: list[str]) -> None:
    with pytest.raises(ValidationError):
        Handover.model_validate({"encodings": encodings})


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("PBX.example.net", "pbx.example.net"),
        ("pbx.example.net.", "pbx.example.net"),
        ("192.0.2.1", "192.0.2.1"),
        ("[2001:DB8::1]", "[2001:db8::1]"),
    ],
)
def test_hosts_are_compared_in_one_form(host: str, name: str) -> None:
    assert Policy.model_validate({"allowed_transfer_hosts": [host]}).allowed_transfer_hosts == (
        name,
    )


@pytest.mark.parametrize("host", ["", "pbx:5060", "a b", "https://x", "-x", "x/y", "*.example.net"])
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(ValidationError, match="must be a host without port"):
        HttpToolsSection.model_validate({"allowed_private_hosts": [host]})


@pytest.mark.parametrize(
    ("section", "values"),
    [
        (Incident, {"share": 0}),
        (Incident, {"share": 1.1}),
        (Incident, {"at_least": 0}),
        (Incident, {"reattach_rate": 0}),
        (ConversationSection, {"transfer_timeout": 4}),
        (ConversationSection, {"greeting_delay": -1}),
        (ConversationSection, {"slow_answer_limit": 0}),
        (ConversationSection, {"slow_first_word_limit": 0}),
        (ConversationSection, {"reattach_timeout": float("inf")}),
        (Policy, {"min_tokens_left": 1.5}),
        (Policy, {"time_zone": "Mars/Olympus"}),
    ],
)
def test_what_cannot_be_is_refused(section: Any, values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        section.model_validate(values)
