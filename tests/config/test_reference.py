from __future__ import annotations

from controller.config.agents import FrontMatter
from controller.settings import Settings, reference


def test_defaults_are_written_as_toml() -> None:
    page = reference()

    assert "| `busy` | `{ reject = 503 }` | " in page
    assert '| `host` | `"127.0.0.1"` | ' in page
    assert "| `show_speech` | `false` | " in page
    assert "| `operator_port` |  | " in page
    assert "| `disclosure` | required | " in page


def test_every_setting_and_every_key_of_an_agent_is_on_the_page() -> None:
    page = reference()

    for section in Settings.model_fields.values():
        for key in getattr(section.annotation, "model_fields", {}):
            assert f"\n| `{key}` | " in page
    for key in FrontMatter.model_fields:
        assert f"\n| `{key}` | " in page


def test_tables_are_headed_as_toml_writes_them() -> None:
    page = reference()

    for heading in ("### [server]", "### [[numbers]]", "### [targets.NAME]"):
        assert f"\n{heading}\n" in page
