"""SIP headers, addresses and URIs, as they come: tolerant, bounded, never raising.

Everything here was written by whoever sent the INVITE (OpenAI's guide: "untrusted call metadata"),
so the rules are not those of a SIP stack, which may answer 400:

1. Nothing raises. What makes no sense is left out, and the rest is still read.
2. A value that is too long is left out as a whole. Cut, it could show another telephone number.
3. Every step is linear in the length of the value; every list has an end.
4. What stands in quotation marks is a name, whatever it looks like:
   `"<sip:+12025550100@x>" <sip:+12025550199@y>` comes from …0199.

Grammar: RFC 3261 §7.3 and §25.1, RFC 3966 (`tel:`), RFC 5806 (Diversion), RFC 7044 (History-Info),
RFC 3325 (P-Asserted-Identity).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Final
from urllib.parse import unquote

MAX_HEADERS: Final = 512
"""Headers of one INVITE that are looked at."""
MAX_NAME: Final = 64
"""Characters of a header's name."""
MAX_VALUE: Final = 2048
"""Characters of a header's value."""
MAX_REPEATS: Final = 8
"""Headers of one name in which addresses are looked for."""
MAX_ENTRIES: Final = 32
"""Addresses under one name, and parameters of one address."""

_COMPACT_FORMS: Final = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}
"""RFC 3261 §7.3.3 and the IANA registry of SIP header fields."""

_ONE_ADDRESS: Final = frozenset({"from", "to", "p-called-party-id", "refer-to", "referred-by"})
"""Headers that hold one address, so that a comma in them belongs to the name."""

# Folds (§7.3.1), other control characters, and what no encoder takes.
_UNPRINTABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_QUOTED: Final = re.compile(r'"[^"\\]*+(?:\\.?[^"\\]*+)*+(?:(")|\Z)')
_ESCAPED: Final = re.compile(r"\\(.)")
_OPENING: Final = re.compile(r"<\s*(?:sips?|tel)\s*:", re.IGNORECASE)
_BRACKET_OR_COMMA: Final = re.compile(r"[<>,]")
_STARTS_AS_URI: Final = re.compile(r"\s*(?:sips?\s*:|tel\s*:|[+0-9])", re.IGNORECASE)
_SCHEME: Final = re.compile(r"\s*([a-z][a-z0-9+.-]*)\s*:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SipUri:
    """A `sip:`, `sips:` or `tel:` URI, or the bare text that somebody wrote in its place."""

    scheme: str
    """`sip`, `sips`, `tel`; empty when none was written."""
    user: str = field(repr=False)
    """Who: decoded, without parameters and password. For `tel:` the number. May be empty."""
    host: str
    """Where, in lower case, IPv6 without brackets. Empty for `tel:`."""
    parameters: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Names in lower case. Those inside the user part (RFC 3261 §19.1.6) first."""

    def parameter(self, name: str) -> str | None:
        """Return the first value of a parameter, empty for a flag, None when it is absent."""
        return _first(self.parameters, name)


@dataclass(frozen=True, slots=True)
class NameAddress:
    """An address as headers carry it: `"Name" <uri>;parameters`."""

    display_name: str = field(repr=False)
    """Unescaped; hostile text of any length up to `MAX_VALUE`."""
    uri: SipUri
    parameters: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """The header's own parameters, such as `tag` and `reason`; names in lower case."""

    def parameter(self, name: str) -> str | None:
        """Return a parameter of the URI, or else of the header.

        Both, because without angle brackets the URI's parameters count as the header's
        (RFC 3261 §20.10), and senders put `verstat` in either place.
        """
        inner = self.uri.parameter(name)
        return _first(self.parameters, name) if inner is None else inner


@dataclass(frozen=True, slots=True)
class SipHeaders:
    """The headers of an INVITE: names in any case or compact form, order and repeats kept."""

    entries: tuple[tuple[str, str], ...] = field(repr=False)
    """Long names in lower case; values on one line, without control characters."""

    @classmethod
    def read(cls, pairs: Iterable[tuple[str, str]]) -> SipHeaders:
        """Take what can be taken; a name that is no token and an over-long value are left out."""
        return cls(tuple(_readable(pairs)))

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of a header, in order."""
        wanted = canonical_name(name)
        return tuple(value for found, value in self.entries if found == wanted)

    def first(self, name: str) -> str | None:
        """Return the first value of a header, None when it is absent."""
        return next(iter(self.all(name)), None)

    def addresses(self, name: str) -> tuple[NameAddress, ...]:
        """Return the addresses in a header, over all its repeats and comma-joined lists.

        At most `MAX_ENTRIES`, of `MAX_REPEATS` headers: a reader may take some time over each.
        """
        values = self.all(name)
        if canonical_name(name) in _ONE_ADDRESS:
            return tuple(filter(None, map(parse_address, values[:1])))
        addresses = chain.from_iterable(map(parse_addresses, values[:MAX_REPEATS]))
        return tuple(islice(addresses, MAX_ENTRIES))

    def names(self) -> tuple[str, ...]:
        """Return the names that occur, each once, in order: all that may be logged of a header."""
        return tuple(dict.fromkeys(name for name, _ in self.entries))


def canonical_name(name: str) -> str:
    """Return a header's long name in lower case."""
    lowered = name.strip().lower()
    return _COMPACT_FORMS.get(lowered, lowered)


def _readable(pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for count, (name, value) in enumerate(pairs):
        if count == MAX_HEADERS:
            return
        if len(name) > MAX_NAME or len(value) > MAX_VALUE:
            continue
        found = canonical_name(name)
        if _TOKEN.fullmatch(found):
            yield found, printable(value)


def printable(text: str) -> str:
    """Return the text on one line: runs of control characters and lone surrogates are a space."""
    return _UNPRINTABLE.sub(" ", text).strip()


def parse_addresses(value: str) -> tuple[NameAddress, ...]:
    """Read a comma-joined list of addresses (RFC 3261 §7.3.1), leaving out what is none."""
    if len(value) > MAX_VALUE:
        return ()
    return tuple(filter(None, map(parse_address, islice(_entries(value), MAX_ENTRIES))))


def _entries(value: str) -> Iterator[str]:
    """Cut at commas outside quotation marks and angle brackets.

    `Smith, John <sip:…>` is one address in spite of the grammar: what is left of a comma stands
    for itself only when it holds an address.
    """
    masked = _mask_quoted(value)
    start, bracketed, is_address = 0, False, bool(_STARTS_AS_URI.match(masked))
    for found in _BRACKET_OR_COMMA.finditer(masked):
        if found.group() != ",":
            bracketed = found.group() == "<"
            is_address = True
        elif is_address and not bracketed:
            yield value[start : found.start()]
            start = found.end()
            is_address = bool(_STARTS_AS_URI.match(masked, start))
    yield value[start:]


def parse_address(value: str) -> NameAddress | None:
    """Read one address: name-addr, addr-spec, or a bare number. None when there is no URI.

    A value over `MAX_VALUE` is not read.
    """
    if len(value) > MAX_VALUE:
        return None
    masked = _mask_quoted(value)
    opening = _OPENING.search(masked)
    start = opening.start() if opening else masked.find("<")
    if start < 0:
        # Without angle brackets every parameter belongs to the header (RFC 3261 §20.10).
        name_ends = len(masked) - len(masked.lstrip(' "'))
        end = masked.find(";", name_ends)
        end = len(masked) if end < 0 else end
        uri, after = value[name_ends:end], end
        display_name = value[:name_ends]
    else:
        end = masked.find(">", start)
        end = len(masked) if end < 0 else end
        uri, after = value[start + 1 : end], end + 1
        display_name = value[:start]
    parsed = parse_uri(uri)
    if parsed is None:
        return None
    return NameAddress(_unquote(display_name), parsed, _parameters(value[after:]))


def parse_uri(text: str) -> SipUri | None:
    """Read a URI; None when it is empty, over `MAX_VALUE`, or of a scheme that has no number."""
    if len(text) > MAX_VALUE:
        return None
    scheme, rest = "", text.strip()
    if found := _SCHEME.match(rest):
        scheme, rest = found.group(1).lower(), rest[found.end() :]
        if scheme not in {"sip", "sips", "tel"}:
            return None
    if not rest:
        return None
    # Embedded headers (RFC 3261 §19.1.1, `?Reason=…` in History-Info) tell us nothing.
    rest = rest.partition("?")[0]
    userinfo, at, location = rest.partition("@")
    if not at and scheme in {"sip", "sips"}:
        userinfo, location = "", rest  # a host alone
    user, _, user_parameters = userinfo.partition(";")
    host, _, uri_parameters = location.partition(";")
    return SipUri(
        scheme=scheme,
        user=_decode(user.partition(":")[0]),
        host=_host(host),
        parameters=(_parameters(user_parameters) + _parameters(uri_parameters))[:MAX_ENTRIES],
    )


def _host(text: str) -> str:
    """Return the host without its port; an IPv6 address stands in brackets (RFC 3261 §25.1)."""
    text = text.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0]


def _parameters(text: str) -> tuple[tuple[str, str], ...]:
    """Read `;name=value;flag;name="quoted"`, at most `MAX_ENTRIES` of them."""
    masked = _mask_quoted(text)
    found: list[tuple[str, str]] = []
    start = 0
    while start < len(text) and len(found) < MAX_ENTRIES:
        end = masked.find(";", start)
        end = len(text) if end < 0 else end
        name, _, value = text[start:end].partition("=")
        if name.strip():
            found.append((_decode(name).lower(), _decode(_unquote(value))))
        start = end + 1
    return tuple(found)


def _mask_quoted(text: str) -> str:
    """Return the text with quoted strings blotted out, so that structure can be searched for.

    A quotation mark that is never closed is a character like any other, and so are those after it:
    looking for the end once more from each of them would take quadratic time.
    """
    return _QUOTED.sub(_blot_out, text)


def _blot_out(found: re.Match[str]) -> str:
    closed = found.group(1) is not None
    return '"' * len(found.group()) if closed else found.group()


def _unquote(text: str) -> str:
    """Return a quoted string's content (RFC 3261 §25.1), other text as it is."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = _ESCAPED.sub(r"\1", text[1:-1])
    return printable(text)


def _decode(text: str) -> str:
    """Resolve percent-encoding (RFC 3261 §19.1.2), which may hide control characters."""
    return printable(unquote(text, errors="replace"))


def _first(parameters: tuple[tuple[str, str], ...], name: str) -> str | None:
    return next((value for found, value in parameters if found == name), None)
