from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller import parts
from controller.settings import load_settings


@pytest.mark.parametrize(
    ("openai", "request_limit"),
    [({}, 12.0), ({"reject_timeout": 20.0}, 24.0), ({"accept_timeout": 1.0}, 12.0)],
)
def test_the_machines_wait_longer_than_the_slowest_request(
    tmp_path: Path, openai: dict[str, Any], request_limit: float
) -> None:
    (tmp_path / "controller.toml").write_text("")
    settings = load_settings(
        tmp_path / "controller.toml", overrides={"openai": openai}, environ={}, with_secrets=False
    )
    limits = parts._limits(settings)
    assert limits.request == request_limit
    assert (limits.attach, limits.session) == (8.0, 5.0)
