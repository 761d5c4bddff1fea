from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.config import document
from controller.config.layers import Layers
from controller.config.places import fill_in, place
from controller.config.secrets import Secrets

FOLDER = Path("/etc/controller")
KEYS = (("handover", "secret"), ("log", "caller_ref_key"))


@pytest.mark.parametrize(
    ("values", "placed"),
    [
        ({}, {"agents_dir": FOLDER / "agents", "tools_dir": FOLDER / "tools"}),
        (
            {"agents_dir": "/srv/agents", "tools_dir": "../tools"},
            {"agents_dir": Path("/srv/agents"), "tools_dir": FOLDER / "../tools"},
        ),
        (
            {"agents_dir": 3, "tools_dir": "t", "server": {"control_socket": "s"}},
            {
                "agents_dir": 3,
                "tools_dir": FOLDER / "t",
                "server": {"control_socket": FOLDER / "s"},
            },
        ),
        (
            {
                "agents_dir": "a",
                "tools_dir": "t",
                "lists": {"x": {"file": "x.txt"}, "y": {}, "z": 1},
            },
            {
                "agents_dir": FOLDER / "a",
                "tools_dir": FOLDER / "t",
                "lists": {"x": {"file": FOLDER / "x.txt"}, "y": {}, "z": 1},
            },
        ),
        (
            {"agents_dir": "a", "tools_dir": "t", "server": 1, "lists": []},
            {"agents_dir": FOLDER / "a", "tools_dir": FOLDER / "t", "server": 1, "lists": []},
        ),
    ],
)
def test_paths_are_relative_to_controller_toml(
    values: dict[str, Any], placed: dict[str, Any]
) -> None:
    place(values, FOLDER)

    assert values == placed


def test_secrets_stand_where_settings_name_them() -> None:
    stack = Layers()
    text = '[handover]\nsecret = "${ONE}"\n[log]\ncaller_ref_key = "${TWO}"\nlevel = "info"\n'
    stack.add_document(document.parse(text, "controller.toml"))

    problems = fill_in(stack, KEYS, Secrets({"ONE": "hush"}))

    assert stack.values["handover"] == {"secret": "hush"}
    assert stack.values["log"] == {"level": "info"}
    (problem,) = problems
    assert str(problem) == (
        "controller.toml:4: log.caller_ref_key: TWO is not set; set it, or put it into the file two"
        " of $CREDENTIALS_DIRECTORY"
    )


def test_settings_that_name_no_secret_stay_as_they_are() -> None:
    stack = Layers()
    stack.add_document(document.parse('handover = 1\n[log]\ncaller_ref_key = "k"\n', "c.toml"))

    assert fill_in(stack, KEYS, Secrets()) == []
    assert stack.values == {"handover": 1, "log": {"caller_ref_key": "k"}}
