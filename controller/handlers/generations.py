"""Reloads and generations, on the control socket.

Who asks is taken from the socket, and written down with what they did.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Protocol

import msgspec
from aiohttp import web

from controller.errors import ControlError
from controller.handlers.peers import operator


class Workshop(Protocol):
    """Where generations are made and kept."""

    async def reload(self, by: str) -> Any:
        """Load the configuration again. Returns what became of it; a dataclass. Never raises."""

    def generations(self) -> Sequence[Any]:
        """Return a summary of each generation that is kept; dataclasses."""

    def activate(self, prefix: str, by: str) -> Any:
        """Have new calls take a generation that is kept. Returns what became of it; a dataclass.

        Raises ControlError where it is none, or not clear which.
        """


class GenerationsHandler:
    """Answers what concerns generations.

    Args:
        workshop: does it.
    """

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_post("/reload", self.reload)
        app.router.add_get("/generations", self.list)
        app.router.add_post("/generations/{prefix}/activate", self.activate)

    async def reload(self, request: web.Request) -> web.Response:
        """Load the configuration again: 200 with what became of it, also where it has mistakes."""
        return web.json_response(
            msgspec.to_builtins(await self._workshop.reload(operator(request)))
        )

    async def list(self, _request: web.Request) -> web.Response:
        """List the generations that are kept."""
        found = [msgspec.to_builtins(each) for each in self._workshop.generations()]
        return web.json_response({"generations": found})

    async def activate(self, request: web.Request) -> web.Response:
        """Have new calls take a generation that is kept: 200, or 404 where none or several fit."""
        try:
            done = self._workshop.activate(request.match_info["prefix"], operator(request))
        except ControlError as error:
            return web.json_response({"error": str(error)}, status=HTTPStatus.NOT_FOUND)
        return web.json_response(msgspec.to_builtins(done))
