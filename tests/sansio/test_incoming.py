"""An offer becomes a call that the rest of the service can rely on, and log."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.sansio import incoming
from controller.sansio.incoming import IncomingCall, read_incoming
from controller.sansio.numbers import Number
from controller.sansio.parties import UNREADABLE, CalledNumber
from controller.sansio.webhook import CallOffered


def offer(*pairs: tuple[str, str], media_security: str | None = None) -> CallOffered:
    return CallOffered("evt_1", 1_750_861_200, "rtc_1", pairs, media_security)


def read(*pairs: tuple[str, str]) -> IncomingCall:
    return read_incoming(offer(*pairs), webhook_id="wh_1", region="US")


def test_call_through_a_trunk_is_read_in_full() -> None:
    offered = offer(
        ("Via", "SIP/2.0/TLS 192.0.2.1:5061;branch=z9hG4bK1"),
        ("From", '"Bob Smith" <sip:+12025550142@trunk.example.net;user=phone>;tag=1'),
        ("To", "<sip:proj_abc@sip.api.openai.com;transport=tls>"),
        ("Call-ID", "a84b4c76e66710@192.0.2.1"),
        ("Diversion", "<sip:+12025550100@trunk.example.net>;reason=unconditional"),
        ("P-Asserted-Identity", "<sip:2025550142@trunk.example.net>"),
        ("Privacy", "none"),
        ("Priority", "Emergency"),
        ("User-to-User", "56a390f3d2b7;encoding=hex"),
        ("X-Tenant", "acme"),
        ("x-tenant", "again"),
        media_security="srtp",
    )

    call = read_incoming(offered, webhook_id="wh_1", region="US")

    number = Number("e164", "+12025550142")
    assert call == IncomingCall(
        provider_id="rtc_1",
        event_id="evt_1",
        webhook_id="wh_1",
        created_at=1_750_861_200,
        sip_call_id="a84b4c76e66710@192.0.2.1",
        caller=number,
        caller_shown=number,
        caller_trust="trunk",
        display_name="Bob Smith",
        called=CalledNumber("read", "+12025550100", "diversion"),
        diversion=("+12025550100",),
        privacy=("none",),
        priority="emergency",
        user_to_user=("56a390f3d2b7;encoding=hex",),
        x_headers=(("x-tenant", "acme"), ("x-tenant", "again")),
        media_security="srtp",
        from_host="trunk.example.net",
        header_names=(
            *("via", "from", "to", "call-id", "diversion", "p-asserted-identity", "privacy"),
            *("priority", "user-to-user", "x-tenant"),
        ),
    )


def test_call_without_headers_is_a_call_of_nobody_to_nowhere() -> None:
    call = read()

    assert call.caller.kind == "unparsed"
    assert call.called == UNREADABLE
    assert call.sip_call_id is None
    assert call.priority is None
    assert call.header_names == ()


def test_settings_of_the_trunk_reach_the_reader() -> None:
    call = read_incoming(
        offer(
            ("From", "<sip:02079460142;verstat=TN-Validation-Passed@x>"),
            ("X-Did", "02079460000"),
            ("To", "<sip:+12025550100@x>"),
        ),
        webhook_id="wh_1",
        region="GB",
        called_number_headers=("x-did", "to"),
        trust_verstat=True,
    )

    assert call.caller == Number("e164", "+442079460142")
    assert call.caller_trust == "attested"
    assert call.called == CalledNumber("read", "+442079460000", "x-did")


def test_asserted_number_of_a_withheld_call_is_for_limits_only() -> None:
    call = read(
        ("From", '"Anonymous" <sip:anonymous@anonymous.invalid>'),
        ("P-Asserted-Identity", "<sip:+12025550142@x>"),
        ("Privacy", "id"),
    )

    assert call.caller == Number("e164", "+12025550142")
    assert call.caller_shown.kind == call.caller_trust == "withheld"


@pytest.mark.parametrize("name", ["Call-ID", "call-id", "i"])
def test_call_id_is_found_by_any_of_its_names(name: str) -> None:
    assert read((name, " abc@x ")).sip_call_id == "abc@x"


@pytest.mark.parametrize("value", ["", "a b", "é", "a\nb", "x" * 257])
def test_call_id_that_could_not_be_a_key_is_absent(value: str) -> None:
    assert read(("Call-ID", value)).sip_call_id is None


def test_longest_call_id_is_kept() -> None:
    assert read(("Call-ID", "x" * 256)).sip_call_id == "x" * 256


@pytest.mark.parametrize("value", ["psap callback", "é", "x" * 33, ""])
def test_priority_that_is_no_word_is_absent(value: str) -> None:
    assert read(("Priority", value)).priority is None


def test_privacy_keeps_few_words() -> None:
    values = ";".join(["id", "é", "a b", "x" * 33, *(f"v{number}" for number in range(20))])

    assert read(("Privacy", values)).privacy == ("id", *(f"v{number}" for number in range(7)))


def test_carried_values_are_kept_or_left_out_and_never_cut() -> None:
    longest = "x" * incoming.MAX_CARRIED
    call = read(
        ("X-A", longest),
        ("X-B", longest + "x"),
        ("User-to-User", longest),
        ("User-to-User", longest + "x"),
    )

    assert call.x_headers == (("x-a", longest),)
    assert call.user_to_user == (longest,)


def test_every_collection_has_an_end() -> None:
    call = read(
        *((f"X-{number}", "v") for number in range(100)),
        *(("User-to-User", "v") for _ in range(100)),
    )

    assert len(call.x_headers) == incoming.MAX_CARRIED_ENTRIES
    assert len(call.user_to_user) == incoming.MAX_USER_TO_USER
    assert len(call.header_names) == incoming.MAX_HEADER_NAMES


@pytest.mark.parametrize("is_last", [True, False])
def test_a_header_of_the_trunk_is_not_crowded_out_by_a_hundred_of_the_caller(
    *, is_last: bool
) -> None:
    crowd = [(f"X-{number}", "v") for number in range(100)]
    verdict = ("X-Spam", "yes")

    call = read(*crowd, verdict) if is_last else read(verdict, *crowd)

    assert ("x-spam", "yes") in call.x_headers
    assert len(set(call.x_headers)) == incoming.MAX_CARRIED_ENTRIES


def test_repr_shows_no_number_no_name_and_no_value() -> None:
    call = read(
        ("From", '"Bob" <sip:+12025550142@x>'),
        ("Diversion", "<sip:+12025550143@x>"),
        ("To", "<sip:+12025550144@x>"),
        ("X-Secret", "swordfish"),
        ("User-to-User", "swordfish"),
    )

    shown = repr(call)
    assert "555014" not in shown
    assert "Bob" not in shown
    assert "swordfish" not in shown
    assert "…0142" in shown


any_text = st.text(st.characters(exclude_categories=[]), max_size=50)
names = any_text | st.sampled_from(
    ["Call-ID", "Priority", "Privacy", "User-to-User", "X-Any", "From", "Diversion", "To", "i"]
)


@given(
    pairs=st.lists(st.tuples(names, any_text), max_size=10),
    region=st.sampled_from(["US", "ZZ", ""]),
    order=st.lists(any_text, max_size=3),
)
def test_any_list_of_any_strings_is_a_call_whose_texts_can_be_written(
    pairs: list[tuple[str, str]], region: str, order: list[str]
) -> None:
    call = read_incoming(
        offer(*pairs), webhook_id="wh_1", region=region, called_number_headers=order
    )

    repr(call).encode()
    assert call.display_name.isprintable()
    assert (call.sip_call_id or "").isascii()
    for text in (*call.user_to_user, *(value for _, value in call.x_headers)):
        text.encode()
        assert len(text.splitlines()) <= 1
