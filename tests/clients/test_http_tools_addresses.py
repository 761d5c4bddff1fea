"""HTTP tools may go where the operator lets them, whatever a name or a redirect says."""

from __future__ import annotations

import ssl
from typing import Any

import pytest
from yarl import URL

from tests.clients.services import (
    FarEnd,
    Names,
    Serve,
    asked,
    client_with,
    run,
    tool_at,
)


async def test_a_private_address_is_refused_unless_it_is_allowed(
    serve: Serve, tls: ssl.SSLContext
) -> None:
    far_end = FarEnd()
    url = await serve(far_end)

    assert (await asked(tls, tool_at(url, allow_private=False)))["error"] == "address_not_allowed"
    assert far_end.requests == []
    assert await asked(tls, tool_at(url)) == {"free": True}


async def test_a_connection_that_another_tool_opened_is_no_way_in(
    serve: Serve, tls: ssl.SSLContext
) -> None:
    far_end = FarEnd()
    url = await serve(far_end)
    async with client_with(tls) as client:
        assert await run(tool_at(url), client) == {"free": True}
        assert (await run(tool_at(url, allow_private=False), client))[
            "error"
        ] == "address_not_allowed"
    assert len(far_end.requests) == 1


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "100.64.0.1"]
)
async def test_a_name_that_leads_inside_is_refused(tls: ssl.SSLContext, address: str) -> None:
    names = Names([address])

    output = await asked(
        tls, tool_at("https://api.example.com/", allow_private=False), resolver=names
    )

    assert output["error"] == "address_not_allowed"
    assert names.asked == ["api.example.com"]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "169.254.169.254",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[fd00:ec2::254]",
        "0.0.0.0",
        "2130706433",
        "0177.0.0.1",
        "127.1",
        "0x7f000001",
    ],
)
async def test_an_address_in_the_url_is_refused_however_it_is_written(
    tls: ssl.SSLContext, host: str
) -> None:
    # What aiohttp takes for a name resolves to what the system makes of it.
    output = await asked(
        tls, tool_at(f"http://{host}:9/", allow_private=False), resolver=Names(["127.0.0.1"])
    )

    assert output["error"] == "address_not_allowed"


async def test_a_name_is_looked_up_once_and_cannot_change_its_mind(
    serve: Serve, tls: ssl.SSLContext
) -> None:
    far_end = FarEnd()
    port = URL(await serve(far_end)).port
    names = Names(["127.0.0.1"], ["192.0.2.1"])

    output = await asked(tls, tool_at(f"http://name.example.com:{port}/"), resolver=names)

    assert output == {"free": True}
    assert names.asked == ["name.example.com"]


async def test_the_connector_itself_looks_at_the_address(serve: Serve, tls: ssl.SSLContext) -> None:
    """If ever a resolver let one through, the socket would still not be made."""
    far_end = FarEnd()
    port = URL(await serve(far_end)).port
    async with client_with(tls, resolver=Names(["127.0.0.1"])) as client:
        connector: Any = client._public.connector
        connector._resolver = client._resolver
        url = f"http://name.example.com:{port}/"
        assert (await run(tool_at(url, allow_private=False), client))[
            "error"
        ] == "address_not_allowed"
    assert far_end.requests == []


async def test_a_redirect_is_not_followed(serve: Serve, tls: ssl.SSLContext) -> None:
    far_end = FarEnd([(302, {}, {"Location": "http://169.254.169.254/latest/meta-data/"})])

    assert (await asked(tls, tool_at(await serve(far_end))))["error"] == "http_302"
    assert len(far_end.requests) == 1
