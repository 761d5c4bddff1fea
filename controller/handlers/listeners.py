"""Where requests come in: TCP for deliveries and health, a Unix socket for the operator's commands.

Each can be opened and closed once, and says in one sentence why it cannot be opened.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from controller.errors import ControllerError

BACKLOG: Final = 1024
"""Connections that wait to be taken, in a burst."""

KEEPALIVE_TIMEOUT: Final = 75.0
"""Seconds that an idle connection stays open: longer than a proxy's pool keeps it (nginx: 60)."""

LINGER_TIMEOUT: Final = 2.0
"""Seconds that we go on reading a body which is refused, so that the sender sees the answer."""

CLOSE_TIMEOUT: Final = 5.0
"""Seconds for requests in flight when a listener closes."""

PROBE_LIMIT: Final = 1.0
"""Seconds to find out whether somebody listens on a control socket already."""

_RUNNER_OPTIONS: Final[dict[str, Any]] = {
    # Our own lines say more, and no telephone number can be in a path.
    "access_log": None,
    "handle_signals": False,
    "keepalive_timeout": KEEPALIVE_TIMEOUT,
    "lingering_time": LINGER_TIMEOUT,
    "shutdown_timeout": CLOSE_TIMEOUT,
    # A coded body is refused; decoding it first would do work for anybody who asks.
    "auto_decompress": False,
}


class Listener:
    """A TCP listener.

    Args:
        app: answers.
        host: address to listen on.
        port: 0 takes a free one.
    """

    def __init__(self, app: web.Application, host: str, port: int) -> None:
        self._runner = web.AppRunner(app, **_RUNNER_OPTIONS)
        self._host = host
        self._port = port

    @property
    def url(self) -> str:
        """Where it listens, once open."""
        addresses = self._runner.addresses
        port = addresses[0][1] if addresses else self._port
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{port}"

    async def open(self) -> None:
        """Listen. Raises ControllerError."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port, backlog=BACKLOG).start()
        except OSError as error:
            number = error.errno or 0  # negative: of the resolver, whose text says it
            reason = os.strerror(number) if number > 0 else str(error)
            raise ControllerError(
                f"cannot listen on {self._host} port {self._port}: {reason}; "
                "see [server] host and port"
            ) from None

    async def close(self) -> None:
        """Stop listening, then wait for requests in flight."""
        await self._runner.cleanup()


class ControlSocket:
    """A listener on a Unix socket that only its own user may open.

    Args:
        app: answers.
        path: the socket; one that a dead process left behind is replaced.
    """

    def __init__(self, app: web.Application, path: Path) -> None:
        self._runner = web.AppRunner(app, **_RUNNER_OPTIONS)
        self._path = path
        self._inode: int | None = None

    async def open(self) -> bool:
        """Listen. Returns False when another service listens there: it keeps the socket.

        Raises ControllerError when it cannot be opened at all.
        """
        if await self._is_taken():
            return False
        await self._runner.setup()
        try:
            self._make_way()
            await self._bind()
        except OSError as error:
            raise ControllerError(
                f"cannot listen on the control socket {self._path}: {error.strerror or error}"
            ) from None
        return True

    async def close(self) -> None:
        """Stop listening and remove the socket, unless it is another's by now."""
        await self._runner.cleanup()
        with suppress(OSError):
            if self._inode is not None and self._path.stat().st_ino == self._inode:
                self._path.unlink()
        self._inode = None

    async def _bind(self) -> None:
        # The mode must be right from the first instant, not a moment later.
        umask = os.umask(0o177)
        try:
            await web.UnixSite(self._runner, str(self._path)).start()
        finally:
            os.umask(umask)
        self._inode = self._path.stat().st_ino

    def _make_way(self) -> None:
        folder = self._path.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # In a folder of /tmp that somebody else made, the socket would be theirs to replace.
        if folder.stat().st_uid not in {os.getuid(), 0}:
            raise ControllerError(
                f"the folder {folder} of the control socket belongs to another user;"
                " give [server] control_socket another place"
            )
        if self._path.is_socket():
            self._path.unlink()  # its service is dead: nobody answered

    async def _is_taken(self) -> bool:
        try:
            async with asyncio.timeout(PROBE_LIMIT):
                _, writer = await asyncio.open_unix_connection(self._path)
        except (TimeoutError, BlockingIOError):
            return True  # somebody is there, and slow
        except OSError:
            return False
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        return True
