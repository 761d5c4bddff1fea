"""What commands show."""

from __future__ import annotations

from controller.sansio.commands import Outcome, SendFrame, TransferCall
from tests.sansio.driving import RECEPTION


def test_a_command_shows_neither_addresses_nor_words() -> None:
    shown = repr([TransferCall("transfer-1", "reception", RECEPTION), SendFrame("x", '"words"')])
    assert "0123" not in shown
    assert "words" not in shown


def test_outcomes_are_written_as_the_design_fixes_them() -> None:
    assert {outcome.value for outcome in Outcome} == {
        "rejected",
        "expired",
        "caller_gone",
        "accept_failed",
        "accept_unknown",
        "other_owner",
        "attach_failed",
        "caller_hung_up",
        "we_hung_up",
        "transferred",
        "referred_unconfirmed",
        "transfer_failed",
        "no_human",
        "idle",
        "max_duration",
        "budget",
        "sideband_lost",
        "provider_ended",
        "cleanup_unconfirmed",
    }
