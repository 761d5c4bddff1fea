from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.clients.replies import (
    Fault,
    Reply,
    answer_event,
    hang_up_event,
    reject_event,
    transfer_event,
)
from controller.sansio.events import (
    Answered,
    AnswerFailed,
    AnswerResult,
    HangUpFailed,
    LineEnded,
    RejectSettled,
    TransferFailed,
    TransferUnproven,
)

FAULTS = [Reply(fault=fault) for fault in Fault]


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_every_2xx_answers_the_call(status: int) -> None:
    assert answer_event(Reply(status)) == Answered()


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (400, AnswerResult.REFUSED),
        (422, AnswerResult.REFUSED),
        (401, AnswerResult.DENIED),
        (403, AnswerResult.DENIED),
        (404, AnswerResult.GONE),
        (409, AnswerResult.CONFLICT),
        (429, AnswerResult.CAPACITY),
        (500, AnswerResult.UNKNOWN),
        (502, AnswerResult.UNKNOWN),
        (529, AnswerResult.UNKNOWN),
        (302, AnswerResult.OTHER),
        (405, AnswerResult.OTHER),
        (499, AnswerResult.OTHER),
    ],
)
def test_an_accept_that_fails_is_sorted_by_its_status(status: int, result: AnswerResult) -> None:
    assert answer_event(Reply(status)) == AnswerFailed(result, status)


@pytest.mark.parametrize(
    ("fault", "result"),
    [
        (Fault.REFUSED, AnswerResult.UNREACHABLE),
        (Fault.TIMEOUT, AnswerResult.UNKNOWN),
        (Fault.LOST, AnswerResult.UNKNOWN),
    ],
)
def test_only_a_refused_connection_proves_that_no_accept_was_sent(
    fault: Fault, result: AnswerResult
) -> None:
    assert answer_event(Reply(fault=fault)) == AnswerFailed(result)


@pytest.mark.parametrize(
    ("reply", "certain"),
    [
        (Reply(200), True),
        (Reply(404), True),
        (Reply(409), False),
        (Reply(500), False),
        *((fault, False) for fault in FAULTS),
    ],
)
def test_a_reject_is_certain_when_delivered_or_pointless(reply: Reply, *, certain: bool) -> None:
    assert reject_event(reply) == RejectSettled(certain)


@pytest.mark.parametrize("reply", [Reply(200), Reply(fault=Fault.TIMEOUT), Reply(fault=Fault.LOST)])
def test_a_refer_that_may_have_landed_is_unproven(reply: Reply) -> None:
    assert transfer_event(reply) == TransferUnproven()


@pytest.mark.parametrize("reply", [Reply(400), Reply(404), Reply(500), Reply(fault=Fault.REFUSED)])
def test_a_refer_that_was_refused_has_failed(reply: Reply) -> None:
    assert transfer_event(reply) == TransferFailed(reply.http_status)


@pytest.mark.parametrize("status", [200, 204, 404])
def test_a_hang_up_of_a_call_that_is_gone_is_a_success(status: int) -> None:
    assert hang_up_event(Reply(status)) == LineEnded()


@pytest.mark.parametrize("reply", [Reply(409), Reply(500), *FAULTS])
def test_any_other_hang_up_is_unconfirmed(reply: Reply) -> None:
    assert hang_up_event(reply) == HangUpFailed()


@given(st.integers(min_value=100, max_value=999))
def test_every_status_has_a_meaning_for_every_verb(status: int) -> None:
    reply = Reply(status)
    accepted = isinstance(answer_event(reply), Answered)
    assert accepted == (200 <= status <= 299)
    assert isinstance(transfer_event(reply), TransferUnproven) == accepted
    assert isinstance(hang_up_event(reply), LineEnded) == reject_event(reply).certain


def test_a_label_is_the_status_or_the_fault() -> None:
    assert Reply(503).label == "503"
    assert Reply(fault=Fault.TIMEOUT).label == "timeout"
