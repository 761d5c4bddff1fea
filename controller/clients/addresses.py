"""Which addresses an HTTP tool may ask: public ones, unless the operator allows others.

The host is the operator's, but what its name resolves to is not: a name can be made to point into
our own network, and to point elsewhere at the second look (DNS rebinding). So the check is made
twice, and never of a name. `PublicResolver` drops what must not be asked from what a name resolves
to; `public_socket` looks at the very address that is about to be connected to, which also covers
addresses that are written into a URL. Odd spellings (`0177.0.0.1`, `2130706433`) need no thought:
they are addresses by then, or refused by aiohttp.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Final, TypeAlias

from aiohttp import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_REFUSED: Final = tuple(
    map(
        ipaddress.ip_network,
        (
            # `is_global` follows the registries of IANA (RFC 6890), in versions that differ from
            # one Python to the next. What is named here, no version opens.
            "0.0.0.0/8",  # this network (RFC 791 §3.2)
            "10.0.0.0/8",  # private (RFC 1918)
            "100.64.0.0/10",  # carrier-grade NAT (RFC 6598); Alibaba's metadata
            "127.0.0.0/8",  # loopback (RFC 1122 §3.2.1.3)
            "168.63.129.16/32",  # Azure's wire server: a public address that is the host's own
            "169.254.0.0/16",  # link-local (RFC 3927); metadata of most clouds
            "172.16.0.0/12",  # private (RFC 1918)
            "192.0.0.0/24",  # protocol assignments (RFC 6890); Oracle's metadata
            "192.88.99.0/24",  # 6to4 relays (RFC 7526: deprecated)
            "192.168.0.0/16",  # private (RFC 1918)
            "198.18.0.0/15",  # benchmarks (RFC 2544)
            "224.0.0.0/4",  # multicast (RFC 5771)
            "240.0.0.0/4",  # reserved, and broadcast (RFC 1112 §4)
            "2001::/32",  # Teredo (RFC 4380): a tunnel to any IPv4 address
            "2002::/16",  # 6to4 (RFC 3056, RFC 7526: deprecated): likewise
        ),
    )
)

_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
"""All that IANA has ever given out of IPv6; loopback, local and multicast lie outside."""
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052 §2.1
_ISATAP: Final = 0x5EFE  # RFC 5214 §6.1, in the upper half of the interface's id
_LAST_32: Final = 0xFFFFFFFF


class AddressRefused(OSError):
    """The address must not be asked. An `OSError`, so that aiohttp treats it as no connection."""

    def __init__(self) -> None:
        super().__init__("the address is not public")


def is_public(text: str) -> bool:
    """Tell whether an address, as sockets write it, belongs to the public internet."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])  # RFC 4007 §11: the zone
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return _is_public(address)
    embedded = _embedded(address)
    if embedded is not None and not _is_public(embedded):
        return False
    if address.ipv4_mapped is not None or address in _NAT64:
        return True  # the prefix says nothing; what is embedded does
    return address in _GLOBAL_UNICAST and _is_public(address)


def _is_public(address: Address) -> bool:
    return address.is_global and not any(address in network for network in _REFUSED)


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address to which a translator or a tunnel would turn an IPv6 address."""
    number = int(address)
    if (
        address.ipv4_mapped is not None  # RFC 4291 §2.5.5.2
        or address in _NAT64
        or (number >> 32) & 0xFDFFFFFF == _ISATAP  # with or without the "universal" bit
    ):
        return ipaddress.IPv4Address(number & _LAST_32)
    return None


class PublicResolver(AbstractResolver):
    """Resolves names to their public addresses only.

    Args:
        resolver: does the work; closed with this one.
    """

    def __init__(self, resolver: AbstractResolver) -> None:
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a name.

        Raises:
            AddressRefused: It has addresses, but none that is public.
        """
        found = await self._resolver.resolve(host, port, family)
        public = [each for each in found if is_public(each["host"])]
        if found and not public:
            raise AddressRefused
        return public

    async def close(self) -> None:
        """Close the resolver within."""
        await self._resolver.close()


def public_socket(info: AddrInfoType) -> socket.socket:
    """Return a socket for a connection to a public address; aiohttp's `socket_factory`.

    Raises:
        AddressRefused: The address is not public.
    """
    family, kind, protocol, _, address = info
    if not is_public(str(address[0])):
        raise AddressRefused
    return socket.socket(family, kind, protocol)
