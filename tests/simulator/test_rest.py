"""Accept, reject, refer and hang up: what is done, and what is refused."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import openai
import pytest

from controller.simulator import DEFAULT_API_KEY, EndedBy, Fault, Switches
from controller.simulator.faults import EFFECTS, Point

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.simulator import SimulatedCall

pytestmark = pytest.mark.looptime

MINIMAL = {"type": "realtime", "model": "gpt-realtime-2.1", "instructions": "Be kind."}


async def test_verbs_answer_200_with_nothing(serve: Callable[..., Any]) -> None:
    service = await serve()
    place = service.openai.place_call
    accepted, rejected, referred = await place(), await place(), await place()

    assert await service.post(accepted, "accept", MINIMAL) == (200, {})
    assert await service.post(accepted, "hangup") == (200, {})
    assert await service.post(rejected, "reject", {"status_code": 486}) == (200, {})
    await service.accept(referred)
    target = {"target_uri": "tel:+12025550123"}
    assert await service.post(referred, "refer", target) == (200, {})

    assert (await accepted.ended).by is EndedBy.HUNG_UP
    assert (await rejected.ended).status_code == 486
    ending = await referred.ended
    assert (ending.by, ending.target_uri) == (EndedBy.REFERRED, "tel:+12025550123")


async def test_openai_sdk_drives_a_call(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call()
    async with openai.AsyncOpenAI(
        api_key=DEFAULT_API_KEY, base_url=service.openai.base_url, max_retries=0
    ) as client:
        await client.realtime.calls.accept(
            call.call_id,
            type="realtime",
            model="gpt-realtime-2.1",
            audio={
                "input": {
                    "transcription": {"model": "gpt-transcribe"},
                    "turn_detection": {"type": "semantic_vad", "eagerness": "low"},
                    "noise_reduction": {"type": "near_field"},
                },
                "output": {"voice": "marin", "speed": 1.1},
            },
            tools=[{"type": "function", "name": "x", "parameters": {"type": "object"}}],
            tool_choice={"type": "function", "name": "x"},
            max_output_tokens="inf",
            truncation="auto",
            include=["item.input_audio_transcription.logprobs"],
        )
        with pytest.raises(openai.NotFoundError) as caught:
            await client.realtime.calls.hangup("rtc_u0_nobody")
        assert caught.value.code == "call_id_not_found"
        assert caught.value.request_id
        with pytest.raises(openai.BadRequestError) as wrong:
            await client.realtime.calls.accept(call.call_id, type="other")  # type: ignore[arg-type] # wrong on purpose
        assert wrong.value.param == "session.type"
        await client.realtime.calls.refer(call.call_id, target_uri="sip:a@example.com")
    assert call.referred_to == ["sip:a@example.com"]


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "missing_required_parameter", "session.type"),
        ({"type": "realtime", "voice": "marin"}, "unknown_parameter", "session.voice"),
        (
            {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "vad"}}}},
            "invalid_value",
            "session.audio.input.turn_detection.type",
        ),
        (
            {"type": "realtime", "audio": {"output": {"voice": 5}}},
            "invalid_type",
            "session.audio.output.voice",
        ),
        (
            {"type": "realtime", "output_modalities": ["audio", "text"]},
            "invalid_value",
            "session.output_modalities",
        ),
        (
            {"type": "realtime", "tools": [{"type": "function"}]},
            "missing_required_parameter",
            "session.tools[0].name",
        ),
        (
            {"type": "realtime", "max_output_tokens": 0},
            "invalid_value",
            "session.max_output_tokens",
        ),
        (b"{", "invalid_json", None),
        (b"[]", "invalid_type", None),
    ],
)
async def test_bad_accept_body_is_refused_and_the_call_rings_on(
    serve: Callable[..., Any], body: Any, code: str, param: str | None
) -> None:
    service = await serve()
    call = await service.openai.place_call()
    status, answer = await service.post(call, "accept", body)
    assert (status, answer["error"]["code"], answer["error"]["param"]) == (400, code, param)
    assert (await service.accept(call))[0] == 200


async def test_audio_format_is_tolerated_and_noted(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call()
    audio = {"input": {"format": {"type": "audio/pcm", "rate": 24000}}}
    assert await service.accept(call, audio=audio) == (200, {})
    assert any("audio.input.format" in note for note in call.notes)


async def test_wrong_key_is_refused_everywhere(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call()
    for verb in ("accept", "reject", "refer", "hangup"):
        status, answer = await service.post(call, verb, MINIMAL, key="sk-wrong")
        assert (status, answer["error"]["code"]) == (401, "invalid_api_key")
    assert await service.attach_status(call, key="sk-é") == 401
    assert not call.was_accepted
    base = service.openai.base_url
    async with service.http.get(f"{base}/models") as answer:
        assert answer.status == 401
    async with service.http.post(f"{base}/realtime/client_secrets", json={}) as answer:
        assert answer.status == 401


async def test_life_of_a_call_decides_what_is_refused(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call()
    refer = {"target_uri": "tel:+12025550123"}

    assert await service.attach_status(call) == 404
    assert (await service.post(call, "hangup"))[0] == 404
    assert (await service.post(call, "refer", refer))[0] == 404
    await service.accept(call)
    assert (await service.accept(call))[0] == 409
    assert (await service.post(call, "reject", {}))[0] == 409
    assert await service.attach_status(call) == 101
    await service.post(call, "hangup")
    for verb in ("accept", "reject", "refer", "hangup"):
        status, answer = await service.post(call, verb, MINIMAL if verb == "accept" else refer)
        if verb != "reject":
            assert (status, answer["error"]["code"]) == (404, "call_id_not_found")
    assert await service.attach_status(call) == 404


async def test_switches_decide_what_is_not_documented(serve: Callable[..., Any]) -> None:
    service = await serve(
        switches=Switches(
            second_accept_status=404,
            hang_up_while_ringing=200,
            model_required=True,
            vad_numbers="refuse",
            unknown_parameters="ignore",
        )
    )
    call = await service.openai.place_call()
    vad = {"type": "server_vad", "threshold": 0.7}
    status, answer = await service.accept(call, model="m", audio={"input": {"turn_detection": vad}})
    assert (status, answer["error"]["message"]) == (
        400,
        "Unknown parameter: 'session.audio.input.turn_detection.threshold'.",
    )
    assert (await service.accept(call))[1]["error"]["param"] == "session.model"
    assert (await service.accept(call, model="m", novelty=1))[0] == 200
    assert (await service.accept(call, model="m"))[0] == 404
    ringing = await service.openai.place_call()
    assert (await service.post(ringing, "hangup"))[0] == 200


async def test_bad_body_can_make_a_dead_call_instead(serve: Callable[..., Any]) -> None:
    service = await serve(switches=Switches(bad_session="dead_call"))
    call = await service.openai.place_call()
    assert (await service.accept(call, nonsense=1))[0] == 200
    assert await service.attach_status(call) == 404
    assert (await call.ended).by is EndedBy.DIED


@pytest.mark.parametrize("code", [200, 299, 700, "486"])
async def test_reject_takes_sip_codes_only(serve: Callable[..., Any], code: Any) -> None:
    service = await serve()
    call = await service.openai.place_call()
    status, answer = await service.post(call, "reject", {"status_code": code})
    assert (status, answer["error"]["param"]) == (400, "status_code")
    assert await service.post(call, "reject", {}) == (200, {})
    assert (await call.ended).status_code == 603


@pytest.mark.parametrize(
    "body", [{}, {"target_uri": ""}, {"target_uri": "+12025550123"}, {"target_uri": "sip:a\r\nb"}]
)
async def test_refer_needs_a_target(serve: Callable[..., Any], body: dict[str, str]) -> None:
    service = await serve()
    call = await service.openai.place_call()
    await service.accept(call)
    status, answer = await service.post(call, "refer", body)
    assert (status, answer["error"]["param"]) == (400, "target_uri")
    assert not call.referred_to


async def test_requests_that_we_do_not_know_are_noted(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call()
    assert (await service.post(call, "ponder"))[0] == 404
    url = f"{service.openai.base_url}/live/sessions/{call.live_session_id}/accept"
    async with service.http.post(url, json={}) as answer:
        assert answer.status == 404
    names = [entry.name for entry in service.openai.journal.of("")]
    assert names == [
        f"POST /v1/realtime/calls/{call.call_id}/ponder",
        f"POST /v1/live/sessions/{call.live_session_id}/accept",
    ]


async def test_session_can_be_checked_without_a_call(serve: Callable[..., Any]) -> None:
    service = await serve()
    url = f"{service.openai.base_url}/realtime/client_secrets"
    headers = {"Authorization": f"Bearer {DEFAULT_API_KEY}"}
    async with service.http.post(url, json={"session": MINIMAL}, headers=headers) as answer:
        assert (answer.status, (await answer.json())["session"]) == (200, MINIMAL)
    async with service.http.post(url, json={"session": {"x": 1}}, headers=headers) as answer:
        assert answer.status == 400
    async with service.http.get(f"{service.openai.base_url}/models", headers=headers) as answer:
        assert "gpt-realtime-2.1" in [model["id"] for model in (await answer.json())["data"]]


ACCEPT_FAULTS = {
    Fault.ACCEPT_401: (401, False),
    Fault.ACCEPT_403: (403, False),
    Fault.ACCEPT_404: (404, False),
    Fault.ACCEPT_404_SLOW: (404, False),
    Fault.ACCEPT_409: (409, False),
    Fault.ACCEPT_409_LANDED: (409, True),
    Fault.ACCEPT_429: (429, False),
    Fault.ACCEPT_400_ALWAYS: (400, False),
    Fault.ACCEPT_500: (500, False),
    Fault.ACCEPT_500_LANDED: (500, True),
    Fault.ACCEPT_503: (503, False),
    Fault.ACCEPT_SLOW: (200, True),
    Fault.ACCEPT_TIMEOUT: (504, False),
    Fault.ACCEPT_TIMEOUT_LANDED: (200, True),
    Fault.ACCEPT_DROPPED: (0, False),
    Fault.ACCEPT_DROPPED_LANDED: (0, True),
}


@pytest.mark.parametrize(("fault", "expected"), ACCEPT_FAULTS.items())
async def test_accept_faults_answer_and_land_as_named(
    serve: Callable[..., Any], fault: Fault, expected: tuple[int, bool]
) -> None:
    service = await serve()
    call = await service.openai.place_call(faults=[fault])
    began_at = asyncio.get_running_loop().time()
    status, _ = await service.post(call, "accept", MINIMAL)
    assert (status, call.was_accepted) == expected
    slow = EFFECTS[fault].seconds
    assert asyncio.get_running_loop().time() - began_at == pytest.approx(slow, abs=0.1)


@pytest.mark.parametrize(
    ("fault", "status"),
    [(Fault.ACCEPT_400_UNKNOWN_PARAMETER, 400), (Fault.ACCEPT_422_UNKNOWN_PARAMETER, 422)],
)
async def test_minimal_body_passes_where_parameters_are_refused(
    serve: Callable[..., Any], fault: Fault, status: int
) -> None:
    service = await serve()
    call = await service.openai.place_call(faults=[fault])
    found, answer = await service.accept(call, tools=[])
    assert (found, answer["error"]["code"]) == (status, "unknown_parameter")
    assert await service.accept(call, audio={"output": {"voice": "marin"}}) == (200, {})


ENDING_FAULTS: dict[Fault, tuple[str, list[int]]] = {
    Fault.REJECT_404: ("reject", [404, 404]),
    Fault.REJECT_500: ("reject", [500, 200]),
    Fault.REJECT_TIMEOUT: ("reject", [504, 200]),
    Fault.HANGUP_404: ("hangup", [404, 404]),
    Fault.HANGUP_500: ("hangup", [500, 200]),
    Fault.HANGUP_500_ALWAYS: ("hangup", [500, 500]),
    Fault.HANGUP_TIMEOUT: ("hangup", [504, 404]),
    Fault.REFER_400: ("refer", [400, 400]),
    Fault.REFER_403: ("refer", [403, 403]),
    Fault.REFER_404: ("refer", [404, 404]),
    Fault.REFER_500: ("refer", [500, 500]),
}


@pytest.mark.parametrize(("fault", "expected"), ENDING_FAULTS.items())
async def test_other_verbs_fail_as_named(
    serve: Callable[..., Any], fault: Fault, expected: tuple[str, list[int]]
) -> None:
    verb, statuses = expected
    service = await serve(switches=Switches(decision_limit=200.0))
    call = await service.openai.place_call(faults=[fault])
    if EFFECTS[fault].point is not Point.REJECT:
        await service.accept(call)
    body = {"target_uri": "tel:+12025550123"} if verb == "refer" else None
    found = [(await service.post(call, verb, body))[0] for _ in statuses]
    assert found == statuses
    if verb == "refer":
        assert not call.referred_to


async def leg(service: Any, call: SimulatedCall) -> tuple[int, float]:
    """Refer a call; return the answer and the seconds until its end, 99 if it goes on."""
    await service.accept(call)
    await asyncio.sleep(1)
    began_at = asyncio.get_running_loop().time()
    status, _ = await service.post(call, "refer", {"target_uri": "tel:+12025550123"})
    await call.wait_until(lambda: call.is_over, 20)
    lasted = asyncio.get_running_loop().time() - began_at
    return status, round(lasted, 1) if call.is_over else 99


@pytest.mark.parametrize(
    ("fault", "seconds", "by"),
    [
        (Fault.REFER_LEAVES_AT_ONCE, 0, EndedBy.REFERRED),
        (Fault.REFER_LEAVES_ON_ANSWER, 8, EndedBy.REFERRED),
        (Fault.REFER_CALLER_GIVES_UP, 4, EndedBy.CALLER_HUNG_UP),
        (Fault.REFER_IGNORED, 99, None),
    ],
)
async def test_leg_behaves_as_named_after_a_refer(
    serve: Callable[..., Any], fault: Fault, seconds: float, by: EndedBy | None
) -> None:
    service = await serve()
    call = await service.openai.place_call(faults=[fault])
    assert await leg(service, call) == (200, seconds)
    assert (call.outcome and call.outcome.by) == by


async def test_refer_that_is_not_answered_is_relayed_all_the_same(
    serve: Callable[..., Any],
) -> None:
    service = await serve()
    call = await service.openai.place_call(faults=[Fault.REFER_TIMEOUT_LANDED])
    await service.accept(call)
    refer = asyncio.create_task(service.post(call, "refer", {"target_uri": "tel:+12025550123"}))
    assert (await call.ended).by is EndedBy.REFERRED
    assert (await refer)[0] == 200


async def test_accepted_call_can_be_dead(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call(faults=[Fault.ACCEPTED_DEAD])
    assert (await service.accept(call))[0] == 200
    assert await service.attach_status(call) == 404
    assert (await call.ended).by is EndedBy.DIED


async def test_caller_who_gives_up_is_gone_for_accept(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call(faults=[Fault.CALLER_GIVES_UP])
    assert (await call.ended).by is EndedBy.CALLER_GAVE_UP
    assert (await service.accept(call))[0] == 404


async def test_caller_who_gives_up_may_go_unnoticed(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call(faults=[Fault.CALLER_GIVES_UP_UNNOTICED])
    await call.ended
    assert (await service.accept(call))[0] == 200
    assert await service.attach_status(call) == 404


async def test_call_that_nobody_decides_fails(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call()
    assert (await call.ended).by is EndedBy.UNANSWERED
    assert asyncio.get_running_loop().time() == pytest.approx(10.0, abs=0.1)


async def test_client_that_gives_up_leaves_no_request_behind(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call(faults=[Fault.ACCEPT_TIMEOUT_LANDED])
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(8):
            await service.accept(call)
    assert await service.attach_status(call) == 101


@pytest.mark.parametrize(
    ("fault", "statuses"),
    [(Fault.REFER_400_SIP, [400, 200]), (Fault.REFER_400_TEL, [200, 400])],
)
async def test_trunk_may_take_one_form_of_a_target_only(
    serve: Callable[..., Any], fault: Fault, statuses: list[int]
) -> None:
    found = []
    for uri in ("sip:+12025550123@trunk.example.net", "tel:+12025550123"):
        service = await serve()
        call = await service.openai.place_call(faults=[fault])
        await service.accept(call)
        found.append((await service.post(call, "refer", {"target_uri": uri}))[0])
    assert found == statuses


async def test_hang_up_may_land_without_an_answer(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call(faults=[Fault.HANGUP_TIMEOUT_LANDED])
    await service.accept(call)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(service.post(call, "hangup"), 5)
    assert (await call.ended).by is EndedBy.HUNG_UP
