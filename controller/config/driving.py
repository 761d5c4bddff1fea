"""The tables of `controller.toml` about driving a call: time limits, faults, tools, hand-over."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, SecretStr

from controller.config.problems import refusal
from controller.config.section import Seconds, Section
from controller.errors import ConfigurationError
from controller.sansio.webhook import decode_secrets

MIN_KEY: Final = 32
"""Bytes. An HMAC key is at least as long as its hash (RFC 7518 §3.2)."""

_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\]")


def host_name(value: str) -> str:
    """Return a host in lower case if it is one, without a port."""
    host = value.lower().rstrip(".")
    if not _HOST.fullmatch(host):
        raise refusal('must be a host without port, like "pbx.example.net"')
    return host


Hosts = Annotated[tuple[Annotated[str, AfterValidator(host_name)], ...], Field(strict=False)]


def _signing_secret(value: SecretStr) -> SecretStr:
    try:
        decode_secrets(value.get_secret_value())
    except ConfigurationError:
        cure = "must be one or more secrets: whsec_ and the base64 of 24 to 64 bytes"
        raise refusal(cure) from None
    return value


def long_key(value: SecretStr) -> SecretStr:
    """Return a key for an HMAC if it is long enough."""
    if len(value.get_secret_value().encode()) < MIN_KEY:
        raise refusal(f"must have at least {MIN_KEY} bytes")
    return value


class ConversationSection(Section):
    """How long the steps of a conversation may take. Seconds."""

    greeting_delay: Annotated[float, Field(ge=0, le=10)] = 0.5
    """Seconds from the open session to the first words; the line needs it to open."""
    greeting_hold: Seconds = 8.0
    """Seconds for which the caller cannot cut the greeting off; then they can speak whatever became
    of it."""
    disclosure_hold: Seconds = 12.0
    """The same where a disclosure must be heard."""
    response_start_timeout: Seconds = 5.0
    """Seconds for a response to begin."""
    first_word_timeout: Seconds = 10.0
    """Seconds for the caller to hear a response, or for it to call a tool; then it is cut off and
    asked for again."""
    response_finish_timeout: Seconds = 60.0
    """Seconds for a response to be finished."""
    follow_up_mcp: bool = True
    """Ask for a response when an MCP server's tool was called and nothing was said after it."""
    transfer_timeout: Annotated[float, Field(ge=5, le=300)] = 35.0
    """Seconds for the caller to leave after a transfer was asked for, and between two transfers."""
    reattach_timeout: Seconds = 30.0
    """Seconds of attempts to regain a lost connection to the model."""
    confirm_end: bool = False
    """Send a hang-up when a caller has left by all appearances, so that no call can go on without
    us: one request more for each such call."""
    slow_answer_limit: Seconds = 1.5
    """Seconds from the receipt of a call to the accept, above which the alarm `slow_answer` is
    raised."""
    slow_first_word_limit: Seconds = 3.0
    """Seconds from the answer to the first word of an agent that speaks first, above which the
    alarm `slow_first_word` is raised."""


class Incident(Section):
    """When many calls lose the model at once, none is hung up until it is over."""

    share: Annotated[float, Field(gt=0, le=1)] = 0.2
    """Share of the live calls that must have lost it."""
    at_least: Annotated[int, Field(ge=1)] = 3
    """Calls that must have lost it."""
    within: Seconds = 10.0
    """Seconds in which they did."""
    lasts: Seconds = 120.0
    """Seconds for which nobody is hung up over it."""
    reattach_rate: Annotated[float, Field(gt=0, le=10_000)] = 50.0
    """Connections to the model that are tried again in a second, over all calls."""


class Handover(Section):
    """The caller's context in a transfer: a signed User-to-User header (RFC 7433)."""

    secret: Annotated[SecretStr, AfterValidator(long_key)] | None = None
    """Key that signs it (HS256), at least 32 bytes: `"${NAME}"`. Needed by targets with
    `user_to_user`."""
    max_bytes: Annotated[int, Field(ge=64, le=2048)] = 256
    """Longest value of the header; what does not fit is left out, or all of it."""
    encodings: Annotated[
        tuple[Literal["hex", "jwt"], ...], Field(strict=False, min_length=1, max_length=2)
    ] = ("hex", "jwt")
    """How the token may be written, the preferred one first: `hex`, which every receiver knows and
    is twice as long, or `jwt`, as it is."""
    lifetime: Seconds = 300.0
    """Seconds for which it is valid."""


class HttpToolsSection(Section):
    """What holds for all HTTP tools."""

    signing_secret: Annotated[SecretStr, AfterValidator(_signing_secret)] | None = None
    """Key that signs their requests as Standard Webhooks do, so that the other side can trust them:
    `"${NAME}"`, one or more `whsec_…` secrets of 24 to 64 bytes. Without it nothing is signed."""
    allowed_private_hosts: Hosts = ()
    """Hosts that may have a private address; other tools need `allow_private`."""
