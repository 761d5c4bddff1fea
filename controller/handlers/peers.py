"""Who sent a request, as far as that can be known; for logs and records, never for a decision."""

from __future__ import annotations

import socket
import struct
from ipaddress import ip_address
from typing import Final

from aiohttp import web

UNKNOWN: Final = "unknown"

_CREDENTIALS: Final = struct.Struct("iII")


def source_address(request: web.BaseRequest) -> str:
    """Return the address that a request came from.

    `X-Forwarded-For` is believed only of a proxy on this machine, and only its last entry: that is
    the one which the proxy itself wrote. Anybody can send the others.
    """
    transport = request.transport
    peer = transport.get_extra_info("peername") if transport is not None else None
    host = peer[0] if isinstance(peer, tuple) and peer else ""
    if host and not _is_loopback(host):
        return str(host)
    forwarded = ",".join(request.headers.getall("X-Forwarded-For", [])).rpartition(",")[2].strip()
    if _is_address(forwarded):
        return forwarded
    return str(host) or UNKNOWN


def operator(request: web.BaseRequest) -> str:
    """Return who asks on a Unix socket: `operator uid 1000`; `operator` where nobody can tell."""
    transport = request.transport
    peer = transport.get_extra_info("socket") if transport is not None else None
    if peer is None or peer.family != socket.AF_UNIX:
        return "operator"
    # struct ucred of unix(7), SO_PEERCRED: process, user, group. The kernel says it, not the peer.
    _pid, uid, _gid = _CREDENTIALS.unpack(
        peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    )
    return f"operator uid {uid}"


def _is_loopback(host: str) -> bool:
    return _is_address(host) and ip_address(host).is_loopback


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return text.isascii()
