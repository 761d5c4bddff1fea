"""The tables of `controller.toml`: each key, its default, and what it means.

The documentation of a field is what the reference prints and what an error message quotes. Whether
a name in here exists (an agent, a target) is looked up later, when everything is loaded.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from controller.config.driving import Hosts, long_key
from controller.config.hours import TimeZone
from controller.config.policy.consequences import OrIgnored, Rejection
from controller.config.policy.emergencies import EmergenciesSection
from controller.config.policy.limits import LimitSection
from controller.config.policy.numbers import Entries
from controller.config.policy.rules import RuleSection
from controller.config.problems import refusal
from controller.config.section import FilePath, Seconds, Section, Share

Port = Annotated[int, Field(ge=0, le=65_535)]


def _on_stop(value: Any) -> Any:
    if value == "hand_over":
        raise refusal('must be "drain": "hand_over" needs a ledger, which this version has not')
    return value


def _store_url(value: SecretStr) -> SecretStr:
    if not re.match(r"sqlite:///.|postgresql://.", value.get_secret_value()):
        raise refusal('must be "sqlite:///FILE" or "postgresql://…"')
    return value


def _base_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or not value.isprintable() or " " in value:
        raise refusal('must be an address like "https://api.openai.com/v1"')
    return value.rstrip("/")


def _api_key(value: SecretStr) -> SecretStr:
    # It goes into a header: a line break or an umlaut in it would fail at the first call.
    if not re.fullmatch(r"[!#-&(-~]*", value.get_secret_value()):
        raise refusal("must be the key alone, without spaces, quotes or line breaks")
    if value.get_secret_value().startswith("whsec_"):
        raise refusal("must be the API key (sk-…); this is a webhook's secret")
    return value


def _webhook_secret(value: SecretStr) -> SecretStr:
    # A shell drops quotes; a file of credentials and an EnvironmentFile in some forms do not.
    if re.search(r"[\"']", value.get_secret_value()):
        raise refusal("must be one or more whsec_… secrets, without quotes")
    return value


class Server(Section):
    """Where we listen, and how we stop."""

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """Address of the public listener; a reverse proxy with TLS stands before it."""
    port: Port = 8080
    """Port of the public listener; 0 takes a free one."""
    operator_port: Port | None = None
    """Port for health, metrics and the operator's pages; without it they share `port`."""
    control_socket: FilePath = Path()
    """Unix socket of `controller calls`, `pause`, `resume` and `drain`. By default
    `$RUNTIME_DIRECTORY/control.sock`, else a name of its own in a private folder of the user."""
    on_stop: Annotated[Literal["drain"], BeforeValidator(_on_stop)] = "drain"
    """What SIGTERM does: `drain` rejects new calls and waits for the live ones."""
    drain_timeout: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] = 1800.0
    """Seconds that draining waits for live calls before it hangs up."""
    body_timeout: Seconds = 5.0
    """Seconds that a webhook's body may take to arrive."""


class Store(Section):
    """The ledger."""

    url: Annotated[SecretStr, AfterValidator(_store_url)] = SecretStr("sqlite:///controller.db")
    """`sqlite:///FILE` or `postgresql://…`. Read by a later version: records live in memory now."""
    on_fault: Literal["answer", "refuse"] = "answer"
    """When a claim cannot be written: `answer` the call all the same, or `refuse` it."""


class Policy(Section):
    """Which calls are answered, and by whom."""

    unknown_number: Annotated[Rejection | Literal["ignore"], OrIgnored] = Rejection(reject=404)
    """A called number that was read but is not configured; `ignore` leaves it to another
    controller of the same project."""
    default_agent: str | None = None
    """Takes calls whose called number cannot be read, and raises an alarm."""
    max_concurrent_calls: Annotated[int, Field(ge=1, le=100_000)] = 10
    """Live calls beyond which new ones are `busy`."""
    busy: Rejection = Rejection(reject=503)
    """How a call is refused when `max_concurrent_calls` are live."""
    draining: Rejection = Rejection(reject=503)
    """How a call is refused while the service is stopping, or paused."""
    loop: Rejection = Rejection(reject=482)
    """How a call is refused that transfers of ours have sent back twice already."""
    min_tokens_left: Share = 0.15
    """Share of OpenAI's tokens per minute below which no call is admitted; 0: never mind."""
    allowed_transfer_hosts: Hosts | None = None
    """Hosts that the SIP addresses of targets may have; any without it."""
    time_zone: TimeZone | None = None
    """Zone of the targets' `hours`, of calendars and of the days of limits, such as
    "America/New_York"."""
    default_limits: bool = True
    """Set [these limits](../how-to/policy.md#limits) unless `[[policy.limits]]` says otherwise;
    false: only those that are listed, beside `max_concurrent_calls`."""
    shared_numbers: Entries = ()
    """Callers' numbers that many people share, such as a hospital's exchange: they are not limited
    as one caller."""
    rules: Annotated[tuple[RuleSection, ...], Field(strict=False)] = ()
    """See `[[policy.rules]]`."""
    limits: Annotated[tuple[LimitSection, ...], Field(strict=False)] = ()
    """See `[[policy.limits]]`."""
    emergencies: EmergenciesSection | None = None
    """See `[policy.emergencies]`."""


class Number(Section):
    """A called number and who answers it."""

    number: str
    """the called number, such as "+12025550100"; "*" takes all that have no entry"""
    agent: str
    """name of the agent that answers"""


class OpenAI(Section):
    """The provider."""

    api_key: Annotated[SecretStr, AfterValidator(_api_key)] = SecretStr("")
    """Key of the project that owns the webhook and the SIP address."""
    webhook_secret: Annotated[SecretStr, AfterValidator(_webhook_secret)] = SecretStr("")
    """One or more `whsec_…` secrets, separated by spaces or commas."""
    base_url: Annotated[str, AfterValidator(_base_url)] = "https://api.openai.com/v1"
    """Address of the API; the WebSocket address is the same with ws or wss."""
    accept_timeout: Seconds = 8.0
    """Seconds for the answer to an accept."""
    reject_timeout: Seconds = 3.0
    """Seconds for the answer to a reject."""
    refer_timeout: Seconds = 8.0
    """Seconds for the answer to a refer."""
    hangup_timeout: Seconds = 5.0
    """Seconds for the answer to a hang-up."""
    attach_timeout: Seconds = 8.0
    """Seconds from the accept until the sideband is open, retries included."""
    session_created_timeout: Seconds = 5.0
    """Seconds from the open sideband until `session.created`."""
    heartbeat_interval: Seconds = 20.0
    """Seconds between WebSocket pings on a sideband."""
    max_frame_bytes: Annotated[int, Field(ge=65_536)] = 16 * 1024 * 1024
    """Longest frame that is read from a sideband."""
    price_factor: Annotated[float, Field(gt=0, le=100)] = 1.0
    """On all prices, such as 1.1 for data residency."""


class Webhook(Section):
    """When a delivery is believed."""

    tolerance_limit: Seconds = 300.0
    """Seconds that the timestamp of a delivery may be off (Standard Webhooks: five minutes)."""
    stale_limit: Seconds = 60.0
    """Seconds after which a call that was offered is not worth an answer any more."""


class Log(Section):
    """What is written, and what of people's data."""

    format: Literal["json", "console"] | None = None
    """`json` or `console`; by default `console` on a terminal, `json` otherwise."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is written: `debug`, `info`, `warning` or `error`."""
    caller_ref_key: Annotated[SecretStr, AfterValidator(long_key)] | None = None
    """Key that makes `caller_ref`, which tells the calls of one caller together in logs and
    records, at least 32 bytes: `"${NAME}"`. Without it one is made at each start."""
    show_speech: bool = False
    """Write what people say. For development only."""
    show_numbers: bool = False
    """Write whole telephone numbers instead of the last four digits."""
