"""Who sent a request, as far as that can be known; for logs, never for a decision."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final

from aiohttp import web

UNKNOWN: Final = "unknown"


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


def _is_loopback(host: str) -> bool:
    return _is_address(host) and ip_address(host).is_loopback


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return text.isascii()
