"""Where the control socket of a service lies, so that service and commands find the same one."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from controller.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_PATH: Final = 107
"""Bytes that `sun_path` takes beside its final zero (unix(7))."""

_FOLDER: Final = "controller"


def default_path(config_path: Path, environ: Mapping[str, str]) -> Path:
    """Return the socket's path where the operator names none.

    The name is made from the configuration's place alone, so that a command that is given the same
    `--config` finds the service, whatever else was set when it started. Whoever creates the folder
    makes it private (0700).

    Args:
        config_path: `controller.toml`, made absolute here.
        environ: For `RUNTIME_DIRECTORY` (systemd) and `XDG_RUNTIME_DIR`.
    """
    if runtime := environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]:
        return Path(runtime, "control.sock")
    name = hashlib.sha256(os.fsencode(config_path.resolve())).hexdigest()[:16] + ".sock"
    folders = [Path(tempfile.gettempdir()), Path("/tmp")]  # noqa: S108 - in a folder of our own
    paths = [folder / f"{_FOLDER}-{os.getuid()}" / name for folder in folders]
    if user_folder := environ.get("XDG_RUNTIME_DIR"):
        paths.insert(0, Path(user_folder, _FOLDER, name))
    return next((path for path in paths if len(os.fsencode(path)) <= LONGEST_PATH), paths[-1])


def too_long(path: Path, where: str) -> list[Problem]:
    """Return what is wrong with a path that the operator named, if it is too long for a socket.

    Args:
        path: As it is named.
        where: File and line of that.
    """
    if len(os.fsencode(path)) <= LONGEST_PATH:
        return []
    cure = f"a socket's path has at most {LONGEST_PATH} bytes"
    return [Problem(where, "server.control_socket", f"{path} is too long", cure)]
