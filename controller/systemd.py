"""What the service tells the service manager: ready, stopping, alive.

The protocol is one datagram of `NAME=value` lines to the socket that `$NOTIFY_SOCKET` names
(sd_notify(3), "Well-known assignments"). It needs no library. Without that variable, in a
terminal or in a container, every message is dropped.

The beat runs on the event loop itself: a loop that hangs stops beating, and the manager restarts
us. It asks nothing of the store or the network, because an outage elsewhere must not restart a
process that holds live calls.
"""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

BEATS_PER_WATCHDOG = 3
"""sd_watchdog_enabled(3) asks for one beat in half the time; a third survives a lost one."""


class ServiceManager:
    """The manager that started us, or nobody.

    Every message returns whether it was handed over: a lost datagram is no reason to fail.

    Args:
        environ: `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` are read from it.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        path = environ.get("NOTIFY_SOCKET", "")
        # A leading @ stands for the NUL of Linux's abstract socket names (sd_notify(3)).
        self._address = "\0" + path[1:] if path.startswith("@") else path
        own_pid = str(os.getpid())
        is_watched = environ.get("WATCHDOG_PID", own_pid) == own_pid
        limit = environ.get("WATCHDOG_USEC", "") if is_watched else ""
        self.watchdog_timeout = int(limit) / 1e6 if limit.isascii() and limit.isdigit() else 0.0
        """Seconds without a beat after which the manager restarts us; 0.0: nobody watches."""

    def ready(self, status: str) -> bool:
        """Say that the service takes calls from now on."""
        return self._send("READY=1", _status(status))

    def stopping(self, status: str) -> bool:
        """Say that the service is on its way out."""
        return self._send("STOPPING=1", _status(status))

    def status(self, text: str) -> bool:
        """Set the line that `systemctl status` shows. Never a number that somebody called from."""
        return self._send(_status(text))

    def extend_timeout(self, seconds: float) -> bool:
        """Ask for that many seconds from now, although `TimeoutStopSec=` may end earlier."""
        return self._send(f"EXTEND_TIMEOUT_USEC={round(seconds * 1e6)}")

    async def beat(self) -> None:
        """Tell the watchdog that the event loop runs, until cancelled; return if nobody watches."""
        while self._address and self.watchdog_timeout:
            self._send("WATCHDOG=1")
            await asyncio.sleep(self.watchdog_timeout / BEATS_PER_WATCHDOG)

    def _send(self, *assignments: str) -> bool:
        if not self._address:
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.settimeout(0)  # a manager that does not read must not stop the calls
            try:
                channel.sendto("\n".join(assignments).encode(), self._address)
            except OSError:
                return False
        return True


def _status(text: str) -> str:
    # A line break would begin another assignment.
    return "STATUS=" + " ".join(text.split())
