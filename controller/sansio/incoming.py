"""An offered call as the rest of the service knows it: who, to whom, and what else was sent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from controller.sansio.attestation import Attestation, read_attestation
from controller.sansio.numbers import Number
from controller.sansio.parties import (
    CALLED_NUMBER_HEADERS,
    CalledNumber,
    CallerTrust,
    diversion_chain,
    find_called_number,
    identify_caller,
    privacy_values,
)
from controller.sansio.secret_headers import carries
from controller.sansio.sip import SipHeaders
from controller.sansio.webhook import CallOffered

MAX_SIP_CALL_ID: Final = 256
"""Characters; a longer Call-ID is treated as absent, since two of them could begin alike."""
MAX_CARRIED: Final = 1024
"""Characters of a User-to-User or X-header value; a longer one is left out."""
MAX_CARRIED_ENTRIES: Final = 64
"""X-headers that are kept. Of more, as many of the first as of the last: a trunk adds its own at
one of the ends, and whoever sends a hundred must not crowd them out of what rules may ask."""
MAX_USER_TO_USER: Final = 8
"""User-to-User values that are kept."""
MAX_HEADER_NAMES: Final = 64
"""Names that are kept for the log."""
MAX_WORDS: Final = 8
"""Values of Privacy that are kept."""

_CALL_ID: Final = re.compile(r"[\x21-\x7e]+")
_WORD: Final = re.compile(r"[a-z0-9._-]{1,32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingCall:
    """A call that waits for a decision. Its `repr` shows no more of a number than four digits.

    Everything but the ids of OpenAI is a claim of whoever sent the INVITE.
    """

    provider_id: str
    """`rtc_…`."""
    event_id: str
    """`evt_…`."""
    webhook_id: str
    """`wh_…` of the delivery that brought it first."""
    created_at: int
    """Unix seconds, OpenAI's clock."""
    sip_call_id: str | None = None
    """The Call-ID header, visible ASCII: the only key shared with carrier and twin event."""
    caller: Number
    """For limits, blocks and tracing; never for the model. See `parties.Caller`."""
    caller_shown: Number
    """For model, tools and notifications."""
    caller_trust: CallerTrust
    """How far the number may be believed; it never authenticates anybody."""
    display_name: str = field(default="", repr=False)
    """Hostile; one short line. Empty when withheld."""
    called: CalledNumber
    """The dialled number, or that it could not be read."""
    diversion: tuple[str, ...] = field(default=(), repr=False)
    """E.164 numbers that forwarded the call, the last first."""
    privacy: tuple[str, ...] = ()
    """Values of the Privacy header, in lower case."""
    priority: str | None = None
    """The Priority header in lower case: `emergency`, `psap-callback`, …"""
    user_to_user: tuple[str, ...] = field(default=(), repr=False)
    """User-to-User values (RFC 7433) as sent, parameters included."""
    x_headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Headers that begin with `x-`: names in lower case, order and repeats kept."""
    media_security: str | None = None
    """`rtp`, `srtp`, another word, or None when unknown."""
    attestation: Attestation | None = None
    """STIR/SHAKEN, as a header tells it."""
    is_from_trunk: bool | None = None
    """It carries what the trunk is known by, or does not; None: the trunk cannot be told."""
    from_host: str | None = None
    """The host of the From header's URI, in lower case: the trunk's, or what somebody wrote."""
    header_names: tuple[str, ...] = ()
    """Which headers came: what is logged when the called number cannot be read (O2)."""


def read_incoming(
    offered: CallOffered,
    *,
    webhook_id: str,
    region: str,
    called_number_headers: Sequence[str] = CALLED_NUMBER_HEADERS,
    caller_headers: Sequence[str] = (),
    trust_verstat: bool = False,
    trunk_mark: Sequence[tuple[str, str]] = (),
) -> IncomingCall:
    """Read the headers of an offered call. Never raises.

    Args:
        offered: What `webhook.parse` returned.
        webhook_id: From `webhook.verify`.
        region: Country of the trunk (`US`), for numbers that do not begin with `+`.
        called_number_headers: Names of headers, in any case, in the order in which they are
            searched for the called number. `CALLED_NUMBER_HEADERS` is the default; a trunk's own
            X-header belongs before those.
        caller_headers: See `parties.identify_caller`.
        trust_verstat: Likewise.
        trunk_mark: Headers, names in lower case, with the values that only the trunk knows; () is
            a trunk that cannot be told from strangers.
    """
    headers = SipHeaders.read(offered.sip_headers)
    is_from_trunk = _is_from_trunk(headers, trunk_mark) if trunk_mark else None
    caller = identify_caller(
        headers,
        region=region,
        trust_verstat=trust_verstat,
        caller_headers=caller_headers,
        is_from_trunk=is_from_trunk,
    )
    return IncomingCall(
        provider_id=offered.provider_id,
        event_id=offered.event_id,
        webhook_id=webhook_id,
        created_at=offered.created_at,
        sip_call_id=_sip_call_id(headers),
        caller=caller.number,
        caller_shown=caller.shown,
        caller_trust=caller.trust,
        display_name=caller.display_name,
        called=find_called_number(headers, region=region, order=called_number_headers),
        diversion=diversion_chain(headers, region=region),
        privacy=tuple(filter(_WORD.fullmatch, privacy_values(headers)))[:MAX_WORDS],
        priority=_priority(headers),
        user_to_user=_carried(headers.all("user-to-user"))[:MAX_USER_TO_USER],
        x_headers=_x_headers(headers),
        media_security=offered.sip_media_security,
        # What somebody on the way says that a carrier has said: nothing, where it is a stranger.
        attestation=None if is_from_trunk is False else read_attestation(headers),
        is_from_trunk=is_from_trunk,
        from_host=_from_host(headers),
        header_names=headers.names()[:MAX_HEADER_NAMES],
    )


def _is_from_trunk(headers: SipHeaders, mark: Sequence[tuple[str, str]]) -> bool:
    return carries({name: headers.all(name) for name, _ in mark}, mark)


def _sip_call_id(headers: SipHeaders) -> str | None:
    value = headers.first("call-id")
    if value is None or len(value) > MAX_SIP_CALL_ID or not _CALL_ID.fullmatch(value):
        return None
    return value


def _priority(headers: SipHeaders) -> str | None:
    value = (headers.first("priority") or "").lower()
    return value if _WORD.fullmatch(value) else None


def _from_host(headers: SipHeaders) -> str | None:
    hosts = (address.uri.host for address in headers.addresses("from"))
    return next(filter(None, hosts), None)


def _carried(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(value for value in values if len(value) <= MAX_CARRIED)


def _x_headers(headers: SipHeaders) -> tuple[tuple[str, str], ...]:
    carried = tuple(
        (name, value)
        for name, value in headers.entries
        if name.startswith("x-") and len(value) <= MAX_CARRIED
    )
    if len(carried) <= MAX_CARRIED_ENTRIES:
        return carried
    half = MAX_CARRIED_ENTRIES // 2
    return (*carried[:half], *carried[-half:])
