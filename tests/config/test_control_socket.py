from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from controller.config.control_socket import LONGEST_PATH, default_path

CONFIG = Path("/etc/controller/controller.toml")


def test_under_systemd_the_socket_lies_in_the_services_own_folder() -> None:
    environ = {"RUNTIME_DIRECTORY": "/run/controller:/run/other", "XDG_RUNTIME_DIR": "/run/user/7"}

    assert default_path(CONFIG, environ) == Path("/run/controller/control.sock")


def test_a_user_gets_it_in_the_folder_of_the_session() -> None:
    path = default_path(CONFIG, {"XDG_RUNTIME_DIR": "/run/user/7"})

    assert path.parent == Path("/run/user/7/controller")


def test_without_any_it_lies_in_a_folder_of_the_user() -> None:
    assert default_path(CONFIG, {}).parent.name == f"controller-{os.getuid()}"


def test_services_with_configurations_of_their_own_have_sockets_of_their_own() -> None:
    assert default_path(CONFIG, {}) != default_path(Path("/etc/other.toml"), {})


def test_a_relative_path_leads_to_the_same_socket() -> None:
    absolute = default_path(Path("controller.toml").absolute(), {})

    assert default_path(Path("controller.toml"), {}) == absolute


@given(st.integers(0, 200))
def test_the_path_fits_into_a_socket_address(length: int) -> None:
    path = default_path(CONFIG, {"XDG_RUNTIME_DIR": "/" + "x" * length})

    assert len(os.fsencode(path)) <= LONGEST_PATH
