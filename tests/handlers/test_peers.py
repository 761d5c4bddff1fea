from __future__ import annotations

from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from controller.handlers.peers import operator, source_address


class Transport:
    """What aiohttp shows of a connection."""

    def __init__(self, peer: Any) -> None:
        self._peer = peer

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._peer if name == "peername" else default


def source(peer: Any, *forwarded: str) -> str:
    headers = CIMultiDict([("X-Forwarded-For", value) for value in forwarded])
    transport: Any = Transport(peer)
    return source_address(make_mocked_request("POST", "/", headers, transport=transport))


@pytest.mark.parametrize("peer", [("127.0.0.1", 5), ("::1", 5, 0, 0), "", None])
def test_a_proxy_on_this_machine_is_believed(peer: Any) -> None:
    assert source(peer, "198.51.100.7") == "198.51.100.7"


def test_of_several_entries_the_proxys_own_counts() -> None:
    assert source(("127.0.0.1", 5), "203.0.113.9, 198.51.100.7") == "198.51.100.7"
    assert source(("127.0.0.1", 5), "203.0.113.9", "2001:db8::1") == "2001:db8::1"


def test_anybody_else_is_not_believed() -> None:
    assert source(("203.0.113.9", 5), "198.51.100.7") == "203.0.113.9"


@pytest.mark.parametrize("junk", ["", "unknown", "198.51.100.7 x", "\u0661.\u0662.\u0663.\u0664"])
def test_what_is_no_address_is_not_shown(junk: str) -> None:
    assert source(("127.0.0.1", 5), junk) == "127.0.0.1"
    assert source("", junk) == "unknown"


def test_an_operator_without_a_socket_has_no_number() -> None:
    transport: Any = Transport(None)
    assert operator(make_mocked_request("POST", "/", transport=transport)) == "operator"
