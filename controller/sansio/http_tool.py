"""HTTP tools: what an agent file declares, and the request that a call of the model's becomes.

The model fills in arguments, never an address: host and path are the operator's, and what goes into
them is percent-encoded (RFC 3986 §2.1), so that no argument can leave its place. Encoding alone is
not enough in a path: many servers decode `%2F` before they resolve `..`, so a value that holds a
slash, or makes a segment that is empty or all dots, is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import quote, unquote

from controller.errors import LocalProtocolError
from controller.sansio.agent import ToolDeclaration
from controller.sansio.arguments import Complaint, Complaints

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

MAX_URL: Final = 4096
"""Characters. It is repeated in the signed facts, which must fit into one header line of 8 KiB."""

OUR_HEADERS: Final = frozenset(
    {
        "accept-encoding", "connection", "content-encoding", "content-length", "content-type",
        "controller-call", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding",
        "upgrade", "webhook-id", "webhook-signature", "webhook-timestamp",
    }
)  # fmt: skip
"""Names, in lower case, that a declaration cannot set: the framing (RFC 9112 §6) and the proof of
who sent it are ours."""

_PLACE: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_-]*)\}")
_SECRET: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e]*")  # RFC 9110 §5.5, without obs-text
_VISIBLE: Final = re.compile(r"[!-~]+")
_URL: Final = re.compile(
    r"(?P<origin>https?://[^/?#{}@]+)(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?"
)
_BREAKS_PATHS: Final = re.compile(r"[/\\\x00-\x1f\x7f]")
_DOTS: Final = frozenset({"", ".", ".."})
_BODILESS: Final = frozenset({"GET", "DELETE"})


@dataclass(frozen=True, slots=True)
class HttpTool:
    """A tool that is an HTTP request. Secrets are named in it, not held."""

    declaration: ToolDeclaration
    method: Method
    url: str
    """`https://…` with `{argument}` places in path and query."""
    headers: tuple[tuple[str, str], ...] = ()
    """Name and value; `${NAME}` in a value stands for a secret."""
    retries: int = 2
    """Further attempts after a connection that failed or a 429, 502, 503, 504; only of safe methods
    (RFC 9110 §9.2.1) and of tools that are declared idempotent."""
    max_response_bytes: int = 65_536
    allow_private: bool = False
    """Private, loopback and link-local addresses may be asked (RFC 1918, RFC 4193)."""
    signed: bool = True
    """Send the facts of the call, signed. Off for a service of somebody else's, which has no use
    for the caller's number."""

    @property
    def may_repeat(self) -> bool:
        """Whether a request that may have landed can be sent again."""
        return self.method == "GET" or self.declaration.idempotent


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request to be sent as it stands. Its `repr` shows neither words nor secrets."""

    method: Method
    url: str = field(repr=False)
    """Encoded; at most `MAX_URL` characters."""
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)
    """JSON; None: there is none, as with GET and DELETE."""


def build(
    tool: HttpTool, arguments: Mapping[str, Any], secrets: Mapping[str, str]
) -> HttpRequest | Complaints:
    """Return the request that a call of the tool becomes, or what is wrong with the arguments.

    Arguments that have a place in the URL go there. The others go into the query of GET and DELETE:
    a list as repeated names, an object as JSON, null not at all. Otherwise into the body, as a JSON
    object.

    Args:
        tool: The declaration.
        arguments: As validated against `tool.declaration.parameters`.
        secrets: Values by name, for the headers.

    Raises:
        LocalProtocolError: The declaration is unusable: its URL is none, a secret is missing, or
            one does not fit into a header. The configuration refuses such tools.
    """
    parts = _URL.fullmatch(tool.url)
    if parts is None or not _VISIBLE.fullmatch(tool.url):
        raise LocalProtocolError("the URL of an HTTP tool is no URL")
    placed = set(_PLACE.findall(tool.url))
    rest = {name: value for name, value in arguments.items() if name not in placed}
    headers = list(_headers(tool, secrets))
    if not any(name.lower() == "accept" for name, _ in headers):
        headers.append(("Accept", "application/json, text/*;q=0.5"))
    filling = _Filling(arguments)
    url = parts["origin"] + "/".join(filling.path((parts["path"] or "/").split("/")))
    query = list(filling.query((parts["query"] or "").split("&")))
    if tool.method in _BODILESS:
        query += _pairs(rest)
    if query:
        url += "?" + "&".join(query)
    if len(url) > MAX_URL:
        filling.complaints.append(Complaint("", "too long for an address"))
    if filling.complaints:
        return tuple(filling.complaints)
    if tool.method in _BODILESS:
        return HttpRequest(tool.method, url, tuple(headers))
    headers.append(("Content-Type", "application/json"))
    return HttpRequest(tool.method, url, tuple(headers), _json(rest).encode(errors="replace"))


class _Filling:
    """Fills the places of a URL, and remembers what could not be filled."""

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self._arguments = arguments
        self.complaints: list[Complaint] = []

    def path(self, segments: list[str]) -> Iterator[str]:
        for segment in segments:
            names = _PLACE.findall(segment)
            values = {name: self._value(name) for name in names}
            for name, value in values.items():
                # As it will be read, or would be by a server that decodes twice.
                if _BREAKS_PATHS.search(unquote(value)):
                    self._complain(name, "must not hold a slash, a backslash or a control code")
            # Encoded dots are dots to those who resolve them (WHATWG URL, "double-dot segment").
            if names and unquote(_fill(segment, values)) in _DOTS:
                self._complain(names[0], "must not be empty or a dot")
            yield _fill(segment, {name: _quoted(value) for name, value in values.items()})

    def query(self, pairs: list[str]) -> Iterator[str]:
        """Leave out a pair that has a place for an argument that was not given."""
        for pair in pairs:
            names = _PLACE.findall(pair)
            if pair and all(self._arguments.get(name) is not None for name in names):
                yield _fill(pair, {name: _quoted(self._value(name)) for name in names})

    def _value(self, name: str) -> str:
        value = self._arguments.get(name)
        if value is None:
            self._complain(name, "is missing")
            return "-"
        if isinstance(value, list | dict):
            self._complain(name, "must be one text or number")
            return "-"
        return _text(value)

    def _complain(self, name: str, problem: str) -> None:
        self.complaints.append(Complaint(name, problem))


def _fill(template: str, values: Mapping[str, str]) -> str:
    return _PLACE.sub(lambda place: values[place[1]], template)


def _pairs(arguments: Mapping[str, Any]) -> Iterator[str]:
    for name, value in arguments.items():
        for each in value if isinstance(value, list) else [value]:
            if each is not None:
                yield f"{_quoted(name)}={_quoted(_text(each))}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _json(value)


def _quoted(text: str) -> str:
    """Encode all but RFC 3986's unreserved characters."""
    return quote(text, safe="", errors="replace")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _headers(tool: HttpTool, secrets: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, template in tool.headers:
        if name.lower() in OUR_HEADERS:
            continue
        try:
            value = _SECRET.sub(lambda place: secrets[place[1]], template)
        except KeyError as error:
            raise LocalProtocolError(f"there is no secret {error.args[0]}") from None
        if not _HEADER_VALUE.fullmatch(value):  # the error must not show it
            raise LocalProtocolError(f"the header {name} holds what no header may")
        yield name, value
