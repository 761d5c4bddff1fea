from __future__ import annotations

import shutil
import ssl
from pathlib import Path

import pytest

from controller.cli.bench.stage import make_certificate, write_config
from controller.errors import ControllerError
from controller.settings import load_all


def test_the_configuration_is_in_order(tmp_path: Path) -> None:
    settings, generation = load_all(write_config(tmp_path), with_secrets=False)

    assert settings.policy.max_concurrent_calls == 100_000
    assert [tool.name for tool in generation.agents["frontdesk"].tools] == ["opening_hours"]
    assert generation.rules.numbers == {"+12025550100": "frontdesk"}


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
async def test_the_certificate_serves_and_is_trusted(tmp_path: Path) -> None:
    certificate, key = await make_certificate(tmp_path)

    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    trusting = ssl.create_default_context(cafile=str(certificate))
    assert trusting.get_ca_certs()[0]["subjectAltName"] == (("IP Address", "127.0.0.1"),)


async def test_without_openssl_there_is_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ControllerError, match="openssl"):
        await make_certificate(tmp_path)


async def test_an_openssl_that_fails_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = tmp_path / "openssl"
    failing.write_text("#!/bin/sh\nexit 1\n")
    failing.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")

    with pytest.raises(ControllerError, match="no certificate"):
        await make_certificate(tmp_path)
