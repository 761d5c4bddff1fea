from __future__ import annotations

from pathlib import Path

from controller.config.front_matter import FrontMatter
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


def test_the_page_in_the_documents_is_the_one_that_the_code_writes() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"

    # `make draw` writes it.
    assert page.read_text(encoding="utf-8") == reference()


def test_what_a_message_quotes_in_mid_sentence_is_a_sentence_on_the_page() -> None:
    assert "| `agent` | required | Name of the agent that answers. |" in reference()
