"""The other end of the control socket: how a command asks the running service.

A command is a short life of its own, so it makes and closes its session for one request.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import msgspec

from controller.errors import ControlError

LIMIT: Final = 5.0
"""Seconds for a request and its answer."""

RELOAD_LIMIT: Final = 55.0
"""Seconds for a reload: one that runs already may have to end first."""

_BASE: Final = "http://controller"  # a host must stand there; the socket decides who answers


class ControlClient:
    """Asks the service that listens on a control socket.

    Every method raises ControlError with one clear sentence: when nobody listens, when this user
    may not ask, when there is no answer in time, when the service refuses.

    Args:
        path: the socket.
        limit: seconds for a request and its answer.
    """

    def __init__(self, path: Path, *, limit: float = LIMIT) -> None:
        self._path = path
        self._limit = limit

    async def status(self) -> dict[str, Any]:
        """Return `state` and `live_calls`."""
        return await self._ask("GET", "/status")

    async def calls(self) -> list[dict[str, Any]]:
        """Return a summary of each live call."""
        calls: list[dict[str, Any]] = (await self._ask("GET", "/calls")).get("calls", [])
        return calls

    async def hang_up(self, call_id: str) -> dict[str, Any]:
        """End one call."""
        return await self._ask("POST", _of(call_id, "hangup"))

    async def say(self, call_id: str, text: str, *, verbatim: bool = False) -> dict[str, Any]:
        """Have the agent of a call say something, as an instruction or word by word."""
        body = {"text": text, "verbatim": verbatim}
        return await self._ask("POST", _of(call_id, "say"), body)

    async def inject(self, call_id: str, text: str) -> dict[str, Any]:
        """Tell the model of a call something that the caller does not hear."""
        return await self._ask("POST", _of(call_id, "inject"), {"text": text})

    async def transfer(self, call_id: str, target: str) -> dict[str, Any]:
        """Send a caller to a target of the agent's, by its name."""
        return await self._ask("POST", _of(call_id, "transfer"), {"target": target})

    async def messages(self, limit: int) -> list[dict[str, Any]]:
        """Return the newest messages that callers left, the oldest of them first."""
        answer = await self._ask("GET", f"/messages?limit={limit}")
        messages: list[dict[str, Any]] = answer.get("messages", [])
        return messages

    async def pause(self) -> dict[str, Any]:
        """Have new calls rejected."""
        return await self._ask("POST", "/pause")

    async def resume(self) -> dict[str, Any]:
        """Have new calls taken again."""
        return await self._ask("POST", "/resume")

    async def reload(self) -> dict[str, Any]:
        """Have the configuration loaded again. Returns `result`, `hash`, `changed`, `problems`."""
        return await self._ask("POST", "/reload", limit=RELOAD_LIMIT)

    async def generations(self) -> list[dict[str, Any]]:
        """Return a summary of each generation that is kept."""
        answer = await self._ask("GET", "/generations")
        generations: list[dict[str, Any]] = answer.get("generations", [])
        return generations

    async def activate(self, prefix: str) -> dict[str, Any]:
        """Have new calls take a generation, by how its hash begins."""
        return await self._ask("POST", f"/generations/{quote(prefix, safe='')}/activate")

    async def drain(self) -> dict[str, Any]:
        """Have the service stop when its calls have settled."""
        return await self._ask("POST", "/drain")

    async def _ask(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        limit: float | None = None,
    ) -> dict[str, Any]:
        limit = limit or self._limit
        connector = aiohttp.UnixConnector(path=str(self._path))
        content = None if body is None else msgspec.json.encode(body)
        try:
            async with (
                asyncio.timeout(limit),
                aiohttp.ClientSession(connector=connector) as session,
                session.request(method, _BASE + path, data=content) as answer,
            ):
                return _read(answer.status, await answer.read())
        except TimeoutError:
            raise ControlError(
                f"the service did not answer on {self._path} within {limit:g} s"
            ) from None
        except aiohttp.ClientConnectorError as error:
            raise ControlError(self._unreachable(error)) from None
        except aiohttp.ClientError as error:
            raise ControlError(
                f"what listens on {self._path} is no controller: {type(error).__name__}"
            ) from None

    def _unreachable(self, error: aiohttp.ClientConnectorError) -> str:
        if isinstance(error.os_error, PermissionError):
            return f"{self._path}: permission denied; run this as the user of the service"
        return f"no service listens on {self._path}; is it running, with the same configuration?"


def _of(call_id: str, verb: str) -> str:
    return f"/calls/{quote(call_id, safe='')}/{verb}"


def _read(status: int, body: bytes) -> dict[str, Any]:
    try:
        answer = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        raise ControlError(f"the service answered HTTP {status} without JSON") from None
    if status >= HTTPStatus.BAD_REQUEST:
        raise ControlError(str(answer.get("error", f"the service answered HTTP {status}")))
    return answer
