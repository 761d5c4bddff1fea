"""`controller simulate openai`, as a process and against a service of a few lines."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web

from controller.cli import simulate
from controller.simulator import DEFAULT_API_KEY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

REJECTED = """
title = "Refused"
[expect]
ended = "rejected"
rejected = 486
"""


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_WEBHOOK_SECRET", raising=False)


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    simulate.register(parser.add_subparsers())
    return parser.parse_args(["simulate", "openai", *words])


@pytest.fixture
async def rejecting(free_port: int) -> AsyncIterator[str]:
    """A service that rejects every call with 486; gives the URL for deliveries."""
    async with aiohttp.ClientSession() as http:
        tasks = set()

        async def reject(call_id: str) -> None:
            url = f"http://127.0.0.1:{free_port}/v1/realtime/calls/{call_id}/reject"
            headers = {"Authorization": f"Bearer {DEFAULT_API_KEY}"}
            async with http.post(url, json={"status_code": 486}, headers=headers) as answer:
                assert answer.status == 200

        async def take(request: web.Request) -> web.Response:
            event = await request.json()
            task = asyncio.create_task(reject(event["data"]["call_id"]))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            return web.Response()

        app = web.Application()
        app.router.add_post("/openai/webhook", take)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/openai/webhook"
        await runner.cleanup()


@pytest.fixture
async def free_port() -> int:
    """A port that was free a moment ago."""
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port


async def run_in_thread(args: argparse.Namespace) -> int:
    """Run the command as the command line does: in its own event loop."""
    return await asyncio.to_thread(simulate.run, args)


@pytest.mark.parametrize("extra", [[], ["--together"]])
async def test_exit_code_is_0_when_every_expectation_held(
    tmp_path: Path,
    rejecting: str,
    free_port: int,
    capfd: pytest.CaptureFixture[str],
    extra: list[str],
) -> None:
    scenario = tmp_path / "refused.toml"
    scenario.write_text(REJECTED)
    args = parsed(
        "--port", str(free_port), "--webhook-url", rejecting, "--speed", "100",
        "--scenario", str(scenario), str(scenario), *extra,
    )  # fmt: skip
    assert await run_in_thread(args) == 0
    out = capfd.readouterr().out
    assert out.startswith(f"OPENAI_BASE_URL=http://127.0.0.1:{free_port}/v1\n")
    assert out.count("service   rejects the call with 486") == 2
    assert out.endswith(
        "  1  ok      Refused  rejected with 486\n  2  ok      Refused  rejected with 486\n"
    )


async def test_exit_code_is_1_when_an_expectation_did_not_hold(
    tmp_path: Path, rejecting: str, free_port: int, capfd: pytest.CaptureFixture[str]
) -> None:
    scenario = tmp_path / "hopeful.toml"
    scenario.write_text('[expect]\nended = "hung_up"')
    args = parsed(
        "--port", str(free_port), "--webhook-url", rejecting, "--scenario", str(scenario)
    )  # fmt: skip
    assert await run_in_thread(args) == 1
    assert "expected to end by hung_up, ended by rejected" in capfd.readouterr().out


async def test_steps_of_an_operator_are_printed_as_the_commands_to_type(
    tmp_path: Path, rejecting: str, free_port: int, capfd: pytest.CaptureFixture[str]
) -> None:
    scenario = tmp_path / "operated.toml"
    step = '[[operator]]\nhears = "8"\nafter = 2.5\nsays = "Hold on."\n'
    scenario.write_text(f"{step}[[operator]]\nhangs_up = true")
    args = parsed(
        "--port", str(free_port), "--webhook-url", rejecting, "--scenario", str(scenario)
    )  # fmt: skip
    assert await run_in_thread(args) == 0
    lines = capfd.readouterr().out.splitlines()
    said = (
        "controller calls say --verbatim ID 'Hold on.'   # once the caller heard \"8\", after 2.5 s"
    )
    assert f"    {said}" in lines
    assert "    controller calls hangup ID" in lines


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("titel = 1", [], "call.toml: titel: no such key; did you mean 'title'?"),
        ("", ["--secret", "secret"], "--secret: a signing secret is whsec_ followed by base64"),
        ("", ["--speed", "0"], "--speed must be a number above 0"),
        ("", ["--speed", "nan"], "--speed must be a number above 0"),
        ("", ["--webhook-url", "127.0.0.1:80"], "--webhook-url: 127.0.0.1:80 is no address"),
        ("", ["--webhook-url", "http://h:x/"], "--webhook-url: http://h:x/ is no address"),
    ],
)
def test_exit_code_is_2_for_what_is_written_wrong(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    text: str,
    options: list[str],
    message: str,
) -> None:
    scenario = tmp_path / "call.toml"
    scenario.write_text(text)
    assert simulate.run(parsed("--scenario", str(scenario), *options)) == 2
    assert f"error: {message}" in capsys.readouterr().err.replace(f"{tmp_path}/", "")


@pytest.mark.parametrize("port", ["65536", "-1", "http", "8" * 5000, "\u0662"])
def test_a_port_that_is_none_is_wrong_usage(capsys: pytest.CaptureFixture[str], port: str) -> None:
    with pytest.raises(SystemExit) as caught:
        parsed(f"--port={port}")
    assert caught.value.code == 2
    assert "is no port; must be 0 to 65535" in capsys.readouterr().err


def test_a_secret_of_the_environment_is_blamed_on_its_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_WEBHOOK_SECRET", "secret")

    assert simulate.run(parsed()) == 2
    assert capsys.readouterr().err.startswith("error: OPENAI_WEBHOOK_SECRET: a signing secret is ")


@pytest.mark.parametrize("host", ["127.0.0.1", "nowhere.invalid"])
async def test_an_address_that_cannot_be_had_is_said_in_one_line(
    rejecting: str, capfd: pytest.CaptureFixture[str], host: str
) -> None:
    port = str(urlsplit(rejecting).port)  # somebody listens there

    assert await run_in_thread(parsed("--host", host, "--port", port)) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"error: cannot listen on {host} port {port}: ")
    assert line.endswith("; choose with --host and --port")


async def test_the_likely_mistake_behind_a_failed_call_is_named(
    tmp_path: Path,
    rejecting: str,
    free_port: int,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(simulate, "_RETRY_OFFSETS", ())
    scenario = tmp_path / "call.toml"
    scenario.write_text("faults = ['caller_gives_up']\n[expect]\nended = 'hung_up'")
    args = parsed(
        "--port", str(free_port), "--webhook-url", f"{rejecting}s", "--speed", "100",
        "--scenario", str(scenario),
    )  # fmt: skip

    assert await run_in_thread(args) == 1
    assert "The delivery was answered with 404: is --webhook-url" in capfd.readouterr().out


def test_credentials_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    monkeypatch.setenv("OPENAI_WEBHOOK_SECRET", f"{secret}, {secret}")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-here")
    found = simulate._simulator(parsed())
    assert (found.api_key, len(found._sender.keys)) == ("sk-here", 2)
    given = simulate._simulator(parsed("--api-key", "sk-there", "--secret", secret))
    assert (given.api_key, len(given._sender.keys)) == ("sk-there", 1)


async def test_service_that_does_not_come_up_is_a_failure(
    tmp_path: Path,
    free_port: int,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(simulate, "_SECONDS_TO_COME_UP", 0.3)
    scenario = tmp_path / "call.toml"
    scenario.write_text("")
    url = f"http://127.0.0.1:{free_port}/openai/webhook"
    args = parsed("--port", "0", "--webhook-url", url, "--scenario", str(scenario))
    assert await run_in_thread(args) == 1
    told = capfd.readouterr()
    assert f"Waiting for the service at {url}, 0 seconds at most." in told.out
    assert f"error: nothing listens at {url}; start `controller run` with" in told.err


@pytest.mark.parametrize("ending", ["close", "terminate"])
async def test_calls_are_placed_by_hand_without_scenarios(
    rejecting: str, free_port: int, ending: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "controller", "simulate", "openai",
        "--port", str(free_port), "--webhook-url", rejecting,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    async with asyncio.timeout(60):
        assert (await process.stdout.readline()).startswith(b"OPENAI_BASE_URL=")
        assert (await process.stdout.readline()).startswith(b"Press Enter to place a call")
        process.stdin.write(b"\n")
        while b"rejected with 486" not in (await process.stdout.readline()):
            pass
        if ending == "close":
            process.stdin.close()
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.stdout.read()
        assert await process.wait() == 0


def test_help_is_complete(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parsed("--help")
    assert caught.value.code == 0
    text = capsys.readouterr().out
    for word in ("--port", "--webhook-url", "--secret", "--scenario", "OPENAI_BASE_URL", "exit"):
        assert word in text


@pytest.fixture
async def attaching(free_port: int) -> AsyncIterator[tuple[str, list[int]]]:
    """A service that accepts, attaches, and asks again once its sideband closed.

    Gives the URL for deliveries, and the status of each answer to asking again.
    """
    async with aiohttp.ClientSession(
        headers={"Authorization": f"Bearer {DEFAULT_API_KEY}"}
    ) as http:
        base = f"http://127.0.0.1:{free_port}/v1/realtime"
        asked_again: list[int] = []
        tasks = set()

        async def drive(call_id: str) -> None:
            body = {"type": "realtime", "model": "gpt-realtime-2.1"}
            async with http.post(f"{base}/calls/{call_id}/accept", json=body) as answer:
                assert answer.status == 200
            async with http.ws_connect(f"{base}?call_id={call_id}") as socket:
                async for _ in socket:
                    pass
            async with http.get(f"{base}?call_id={call_id}") as answer:
                asked_again.append(answer.status)

        async def take(request: web.Request) -> web.Response:
            event = await request.json()
            task = asyncio.create_task(drive(event["data"]["call_id"]))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            return web.Response()

        app = web.Application()
        app.router.add_post("/openai/webhook", take)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/openai/webhook", asked_again
        await runner.cleanup()


@pytest.mark.parametrize("extra", [[], ["--together"]])
async def test_the_stand_in_stays_until_the_service_knows_that_the_calls_are_over(
    tmp_path: Path, attaching: tuple[str, list[int]], free_port: int, extra: list[str]
) -> None:
    url, asked_again = attaching
    scenario = tmp_path / "leaves.toml"
    scenario.write_text(
        'patience = 0.1\ncaller = [{ hangs_up = true }]\n[expect]\nended = "caller_hung_up"'
    )
    args = parsed(
        "--port", str(free_port), "--webhook-url", url, "--speed", "100",
        "--scenario", str(scenario), str(scenario), *extra,
    )  # fmt: skip

    assert await run_in_thread(args) == 0
    assert asked_again == [404, 404]
