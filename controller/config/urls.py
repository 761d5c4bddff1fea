"""Addresses and headers that an agent file may send to, without a secret written into them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from controller.config.telephony import Refusal
from controller.sansio.http_tool import OUR_HEADERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from controller.config.document import KeyPath
    from controller.config.problems import Complaints

SECRET_NAME: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
"""Of secrets: what a variable of the environment is called."""

SECRET: Final = re.compile(r"\$\{([A-Z][A-Z0-9_]{0,63})\}")
"""Where one stands in a text."""

_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")  # RFC 9110 §5.6.2, token
_HEADER_VALUE: Final = re.compile(r"[ -~]*")  # RFC 9110 §5.5: no control characters; ours is ASCII
_HOST: Final = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")
_SIGNS: Final = re.compile(r"[!-\[\]-~]+")  # RFC 3986 §2: no blank, and no backslash
_SECRET_HEADERS: Final = frozenset({"authorization", "cookie", "proxy-authorization"})

NOT_ENCRYPTED: Final = "is not encrypted"


def secrets_in(text: str) -> list[str]:
    """Return the names in a text's `${NAME}` places."""
    return SECRET.findall(text)


def check_url(url: str, *, allow_http: bool) -> Refusal | None:
    """Check an address that we, or OpenAI, will ask. No message shows what may be a password."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return _refused(url)
    if parts.username is not None or parts.password is not None or "${" in url:
        return Refusal("holds a credential", 'send it in headers, as "${NAME}"')
    if not _HOST.fullmatch(host or "") or port == 0 or parts.fragment or not _SIGNS.fullmatch(url):
        return _refused(url)
    if url.startswith("http://") and not allow_http:
        return Refusal(f"http://{parts.netloc} {NOT_ENCRYPTED}", "must begin with https://")
    return None if url.startswith(("http://", "https://")) else _refused(url)


def host_of(url: str) -> str:
    """Return the host of an address in lower case, empty where it has none."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return ""
    return f"[{host}]" if ":" in host else host.rstrip(".")


def check_headers(headers: Mapping[str, str], path: KeyPath, complaints: Complaints) -> None:
    """Check header names and values; a value is never shown."""
    for name, value in headers.items():
        where = (*path, name)
        if not _HEADER_NAME.fullmatch(name):
            complaints.add(where, "is no name of a header", "use letters, digits and -")
        elif name.lower() in OUR_HEADERS:
            complaints.add(where, "is set by the controller", "leave it out")
        elif not _HEADER_VALUE.fullmatch(value):
            complaints.add(
                where, "holds a character that no header may have", "use printable ASCII"
            )
        elif "${" in SECRET.sub("", value):
            complaints.add(
                where, "holds ${ and no name", "must be like ${CRM_TOKEN}: capitals, digits and _"
            )
        elif name.lower() in _SECRET_HEADERS and not SECRET.search(value):
            complaints.add(
                where, "a secret stands in the file", 'name it instead, like "Bearer ${CRM_TOKEN}"'
            )


def _refused(url: str) -> Refusal:
    # What stands before an @ may be a password, wherever a broken address has it.
    found = "is no address" if "@" in url else f"found {url!r}"
    return Refusal(found, 'must be an address like "https://crm.example.net/customers"')
