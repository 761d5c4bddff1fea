"""How a command asks the running service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from controller.clients.control import ControlClient

_Answer = TypeVar("_Answer")


def ask(
    config_path: Path | None, question: Callable[[ControlClient], Awaitable[_Answer]]
) -> _Answer:
    """Ask the service that runs with this configuration. It needs no secret.

    Raises:
        ConfigurationError: The configuration does not say where it is.
        ControlError: The service cannot be asked, or refuses.
    """
    import asyncio

    from controller.clients.control import ControlClient
    from controller.settings import find_control_socket

    path = find_control_socket(config_path)

    async def answer() -> _Answer:
        return await question(ControlClient(path))

    return asyncio.run(answer())
