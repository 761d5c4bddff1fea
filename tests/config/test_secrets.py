from __future__ import annotations

from pathlib import Path

import pytest

from controller.config.secrets import Secrets, fill
from controller.config.telephony import Refusal


def refusal(secrets: Secrets, name: str) -> Refusal:
    found = secrets.find(name)
    assert isinstance(found, Refusal)
    return found


def test_a_variable_goes_before_a_file(tmp_path: Path) -> None:
    (tmp_path / "crm_token").write_text("from-file\n")
    (tmp_path / "other").write_text("other-file\r\n")
    secrets = Secrets(
        {"CREDENTIALS_DIRECTORY": str(tmp_path), "CRM_TOKEN": "from-variable", "EMPTY": ""}
    )

    assert secrets.find("CRM_TOKEN") == "from-variable"
    assert secrets.find("OTHER") == "other-file"


def test_an_empty_variable_gives_way_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "crm_token").write_text("from-file")

    secrets = Secrets({"CREDENTIALS_DIRECTORY": str(tmp_path), "CRM_TOKEN": ""})

    assert secrets.find("CRM_TOKEN") == "from-file"


def test_a_secret_that_is_nowhere_says_where_it_may_be(tmp_path: Path) -> None:
    assert refusal(Secrets({}), "CRM_TOKEN") == Refusal(
        "CRM_TOKEN is not set",
        "set it, or put it into the file crm_token of $CREDENTIALS_DIRECTORY",
    )
    secrets = Secrets({"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert refusal(secrets, "CRM_TOKEN").cure.endswith(f"file crm_token of {tmp_path}")


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "crm_token").mkdir()

    found = refusal(Secrets({"CREDENTIALS_DIRECTORY": str(tmp_path)}), "CRM_TOKEN")

    assert "crm_token: cannot be read (Is a directory)" in found.found


@pytest.mark.parametrize("value", ["a\nb", "a\r\nX: y", " a", "a ", "\u00e4", "a\0", "\t"])
def test_what_no_header_may_hold_is_refused_and_not_shown(value: str) -> None:
    found = refusal(Secrets({"CRM_TOKEN": value}), "CRM_TOKEN")

    assert found == Refusal(
        "CRM_TOKEN holds what no header may hold", "must be printable ASCII on one line"
    )


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "OPENAI_WEBHOOK_SECRET"])
def test_the_keys_of_our_own_door_are_given_to_nobody(name: str) -> None:
    assert "is never sent to anybody else" in refusal(Secrets({name: "sk-secret"}), name).found


def test_nothing_shows_a_secret() -> None:
    assert "hush" not in repr(Secrets({"CRM_TOKEN": "hush"}))


def test_places_in_a_setting_are_filled() -> None:
    secrets = Secrets({"A": "1", "B_2": "2"})

    assert fill("x-${A}-${B_2}-${A}", secrets) == "x-1-2-1"
    assert fill("none", secrets) == "none"
    assert fill(5, secrets) == 5


def test_a_place_that_cannot_be_filled_says_why() -> None:
    found = fill("${NOBODY}", Secrets({}))

    assert isinstance(found, Refusal)
    assert found.found == "NOBODY is not set"


def test_a_secret_that_looks_like_a_place_is_not_filled_again() -> None:
    assert fill("${A}${B}", Secrets({"A": "${B}", "B": "b"})) == "${B}b"
