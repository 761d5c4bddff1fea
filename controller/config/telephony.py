"""Which numbers and addresses the configuration may name.

What a call may be sent to is decided here, at load, where nobody waits for it: the model chooses a
name, and never sees or makes an address (design, section 4, rule 10).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

import phonenumbers
from phonenumbers import PhoneNumberType, shortnumberinfo

from controller.sansio.numbers import normalise
from controller.sansio.policy import CATCH_ALL

_NO_REGION: Final = "ZZ"  # CLDR's code of an unknown region: the plus must say the country
_URI: Final = re.compile(r"(?P<scheme>sips?|tel):[!-~]+", re.IGNORECASE)
_UNPRINTABLE: Final = re.compile(r"[^!-~]")
_SEPARATORS: Final = re.compile(r"[-.()\s]")  # RFC 3966 §3: visual separators say nothing
_N11: Final = re.compile(r"[2-9]11")
_HOST: Final = re.compile(r"\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?|[A-Za-z0-9.-]+(:[0-9]{1,5})?")
_DETOUR: Final = re.compile(r";maddr=|[?&]route=", re.IGNORECASE)  # RFC 3261 §19.1.1, §20.34
_OPENAI_HOST: Final = re.compile(r"sip(-[a-z]+)?\.api\.openai\.com", re.IGNORECASE)

# O9: wherever the trunk ends. 112 and 911 are emergency numbers in every mobile network, with or
# without a card (3GPP TS 22.101 §10.1); 999 and 000 are those of the UK and of Australia; 988 is
# the US crisis line and 933 the US test of 911.
_EMERGENCY: Final = frozenset({"000", "112", "911", "999", "933", "988"})

_COSTLY: Final = frozenset({PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST})
"""Whoever can make us refer there can make us pay (toll fraud)."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a number or an address may not be configured."""

    found: str
    cure: str


def check_number(number: str) -> Refusal | None:
    """Check an entry of `[[numbers]]`: E.164 with its plus, or the catch-all."""
    if number == CATCH_ALL:
        return None
    read = normalise(number, region=_NO_REGION)
    if not number.startswith("+") or read.e164 is None:
        return Refusal(
            f"{number!r} is not a whole number in E.164 form",
            'must be written like "+12025550100" (plus, country code, number), or be "*"',
        )
    if number != read.e164:
        return Refusal(f"{number!r} is not in E.164 form", f'write it as "{read.e164}"')
    return None


def check_target(
    uri: str,
    *,
    region: str,
    hosts: Collection[str] | None = None,
    allow_premium: bool = False,
) -> Refusal | None:
    """Check the address of a transfer target.

    Args:
        uri: As the operator wrote it; it is sent in REFER as it is (RFC 3515 §2.1).
        region: The trunk's region, "US": its emergency numbers are refused as well.
        hosts: Those that a SIP address may have, in lower case; None: any.
        allow_premium: Numbers of premium rate and of shared cost may be called.
    """
    if _UNPRINTABLE.search(uri):
        return Refusal(
            f"{uri!r} holds a space, a control character or a letter outside ASCII",
            "must be one SIP or tel URI; escape other characters as %XX",
        )
    match = _URI.fullmatch(uri)
    if match is None:
        return Refusal(f"{uri!r} is not a SIP or tel URI", "must begin with sip:, sips: or tel:")
    # Emergency numbers first, on the bare digits: +1 911 is no number, but 911 is (O9).
    digits = _digits(uri)
    if is_emergency(digits, region=region):
        return Refusal(
            f"{uri!r} is an emergency or service number",
            "this line places no emergency calls; the agent tells callers to dial themselves",
        )
    if match["scheme"].lower() == "tel":
        refusal = _check_tel(uri, digits)
    else:
        refusal = _check_sip(uri, digits) or _check_host(uri, hosts)
    if refusal is None and not allow_premium and is_costly(digits, region=region):
        return Refusal(
            f"{uri!r} is a number of premium rate or shared cost",
            "say allow_premium = true if callers may be sent there",
        )
    return refusal


def is_emergency(digits: str, *, region: str) -> bool:
    """Tell whether bare digits are an emergency, N11 or crisis number (O9)."""
    if not (digits.isascii() and digits.isdigit()):
        return False
    return (
        digits in _EMERGENCY
        or _N11.fullmatch(digits) is not None
        or shortnumberinfo.is_emergency_number(digits, region)
    )


def is_costly(digits: str, *, region: str) -> bool:
    """Tell whether a number is of a range that costs extra (libphonenumber's number types)."""
    number = normalise(digits, region=region).e164
    return number is not None and phonenumbers.number_type(phonenumbers.parse(number)) in _COSTLY


def number_of(uri: str, *, region: str) -> str | None:
    """Return the E.164 number that an address leads to, None where it names none."""
    return normalise(_digits(uri), region=region).e164


def host_of(uri: str) -> str:
    """Return the host of a SIP URI in lower case, without port and without the dot of the root."""
    _, host = _parts(uri)
    address = host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
    return address.rstrip(".").lower()


def leads_to_openai(uri: str) -> bool:
    """Tell whether an address is OpenAI's SIP host, where our calls come from."""
    return _OPENAI_HOST.fullmatch(host_of(uri)) is not None


def _parts(uri: str) -> tuple[str | None, str]:
    """Return user and host of a SIP URI, without parameters and headers (RFC 3261 §19.1.1)."""
    user, at, address = uri.partition(":")[2].partition("@")
    host = re.split(r"[;?]", address if at else user, maxsplit=1)[0]
    return (user if at else None), host


def _digits(uri: str) -> str:
    """Return what is dialled: the user part, or the whole where there is none, in plain signs."""
    user, host = _parts(uri)
    dialled = re.split(r"[;:]", host if user is None else user, maxsplit=1)[0]
    return _SEPARATORS.sub("", unquote(dialled))


def _check_tel(uri: str, digits: str) -> Refusal | None:
    if digits.startswith("+") and check_number(digits) is None:
        return None
    return Refusal(
        f"{uri!r} is not a global number", 'must be written like "tel:+12025550123" (RFC 3966 §3)'
    )


def _check_sip(uri: str, digits: str) -> Refusal | None:
    user, host = _parts(uri)
    if not _HOST.fullmatch(host) or user == "":
        return Refusal(f"{uri!r} has no host", 'must be written like "sip:desk@pbx.example.net"')
    if leads_to_openai(uri):
        return Refusal(f"{uri!r} leads back to OpenAI", "a call sent there would ring here again")
    if digits.startswith("+") and check_number(digits) is not None:
        return Refusal(
            f"{uri!r} does not hold a number in E.164 form",
            'must be written like "sip:+12025550123@trunk.example.net"',
        )
    return None


def _check_host(uri: str, hosts: Collection[str] | None) -> Refusal | None:
    if hosts is None:
        return None
    if _DETOUR.search(uri):
        return Refusal(f"{uri!r} is sent by way of another host", "leave maddr and Route out")
    host = host_of(uri)
    if host in hosts:
        return None
    listed = ", ".join(sorted(hosts)) or "none is"
    return Refusal(f"{host} is no allowed host", f"[policy] allowed_transfer_hosts: {listed}")
