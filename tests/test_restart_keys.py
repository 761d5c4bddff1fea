from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.restart_keys import restart_keys
from controller.settings import Settings, load_settings


def settings(folder: Path, text: str = "", **environ: str) -> Settings:
    (folder / "controller.toml").write_text(text)
    return load_settings(folder / "controller.toml", environ=environ, with_secrets=False)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("", []),
        ("[server]\nport = 9000\nhost = '127.0.0.2'", ["server.host", "server.port"]),
        ("[openai]\naccept_timeout = 2.0\nprice_factor = 1.1", ["openai.accept_timeout"]),
        ("[http_tools]\nallowed_private_hosts = ['crm.local']", []),
        ("[conversation]\ngreeting_delay = 1.0", ["conversation.greeting_delay"]),
        ("[webhook]\nstale_limit = 30.0", ["webhook.stale_limit"]),
        ("[log]\nlevel = 'debug'", ["log.level"]),
        ("[reload]\nwatch = true", ["reload.watch"]),
        (
            "[policy]\nmin_tokens_left = 0.5\nmax_concurrent_calls = 3\ntime_zone = 'UTC'",
            ["policy.min_tokens_left"],
        ),
        ("[trunk]\ndefault_region = 'GB'", []),
        ("[values]\npractice = 'Acme Dental'", []),
    ],
)
def test_what_takes_effect_at_a_restart_only_is_named(
    tmp_path: Path, text: str, keys: list[str]
) -> None:
    assert restart_keys(settings(tmp_path), settings(tmp_path, text)) == keys


def test_a_secret_is_named_and_not_shown(tmp_path: Path) -> None:
    before: Any = settings(tmp_path, OPENAI_API_KEY="sk-old")

    after = settings(tmp_path, OPENAI_API_KEY="sk-new")

    assert restart_keys(before, after) == ["openai.api_key"]


def test_what_is_the_same_is_not_named(tmp_path: Path) -> None:
    text = "[server]\nport = 9000\n[log]\nlevel = 'debug'"

    assert restart_keys(settings(tmp_path, text), settings(tmp_path, text)) == []
