"""Every setting, where it comes from and what it means. The only reader of the environment.

A value is looked for on the command line, then in the environment, then in the credential files of
`$CREDENTIALS_DIRECTORY` (secrets only), then in `controller.toml`. Any setting can be given as a
variable: `[server] port` is `CONTROLLER_SERVER__PORT`; lists and tables are given as JSON. The keys
of OpenAI's own tools have the names that these tools use: `OPENAI_API_KEY`,
`OPENAI_WEBHOOK_SECRET`, `OPENAI_BASE_URL`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from phonenumbers import SUPPORTED_REGIONS
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from controller import config
from controller.config import document, layers
from controller.config.control_socket import LONGEST_PATH, default_path
from controller.config.problems import refusal
from controller.errors import ConfigurationError, Problem
from controller.sansio.agent import Target
from controller.sansio.policy import Rules
from controller.sansio.webhook import decode_secrets

if TYPE_CHECKING:
    from controller.config.document import KeyPath

DEFAULT_CONFIG: Final = "controller.toml"

_VARIABLES: Final[Mapping[str, KeyPath]] = {
    "OPENAI_API_KEY": ("openai", "api_key"),
    "OPENAI_WEBHOOK_SECRET": ("openai", "webhook_secret"),
    "OPENAI_BASE_URL": ("openai", "base_url"),
}
_SECRETS: Final = {name: _VARIABLES[name] for name in ("OPENAI_API_KEY", "OPENAI_WEBHOOK_SECRET")}
_HIDDEN: Final = frozenset({*_SECRETS.values(), ("store", "url")})

_STAND_IN: Final = {"targets": {"uri": "sip:nobody@example.invalid", "description": "nobody"}}

Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Port = Annotated[int, Field(ge=0, le=65_535)]


def _file_path(value: Any) -> Any:
    return Path(value) if isinstance(value, str) and value and "\0" not in value else value


FilePath = Annotated[Path, BeforeValidator(_file_path)]


def _rejection(value: Any) -> Any:
    if isinstance(value, dict) or value == "ignore" or isinstance(value, Rejection):
        return value
    raise refusal('must be { reject = 404 }, with a SIP code from 400 to 699, or "ignore"')


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


def _region(value: str) -> str:
    if value not in SUPPORTED_REGIONS:
        raise refusal('must be a country\'s two capital letters, such as "US"')
    return value


def _api_key(value: SecretStr) -> SecretStr:
    # It goes into a header: a line break or an umlaut in it would fail at the first call.
    if not re.fullmatch(r"[!-~]*", value.get_secret_value()):
        raise refusal("must be the key alone, without spaces, quotes or line breaks")
    return value


class Section(BaseModel):
    """A table of `controller.toml`."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )


class Rejection(Section):
    """How a call is refused: `{ reject = 503 }`."""

    reject: Annotated[int, Field(ge=400, le=699)]
    """SIP status code, 400 to 699."""


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
    """`sqlite:///FILE` or `postgresql://…`."""
    on_fault: Literal["answer", "refuse"] = "answer"
    """When a claim cannot be written: answer all the same, or refuse the call."""


class Policy(Section):
    """Which calls are answered, and by whom."""

    unknown_number: Annotated[Rejection | Literal["ignore"], BeforeValidator(_rejection)] = (
        Rejection(reject=404)
    )
    """A called number that was read but is not configured; `ignore` leaves it to another
    controller of the same project."""
    default_agent: str | None = None
    """Takes calls whose called number cannot be read, and raises an alarm."""
    max_concurrent_calls: Annotated[int, Field(ge=1, le=100_000)] = 10
    """Live calls beyond which new ones are `busy`."""
    busy: Rejection = Rejection(reject=503)
    """The house is full."""
    draining: Rejection = Rejection(reject=503)
    """The service is stopping, or paused."""


class Number(Section):
    """A called number and who answers it."""

    number: str
    """the called number, such as "+12025550100"; "*" takes all that have no entry"""
    agent: str
    """name of the agent that answers"""


class TransferTarget(Section):
    """Somebody to whom a call may be transferred."""

    uri: str
    """the address, such as "sip:+12025550123@trunk.example.net"; the model never sees it"""
    description: Annotated[str, Field(min_length=1, pattern=r"\S")]
    """who answers there and when; the model reads it to choose"""


class OpenAI(Section):
    """The provider."""

    api_key: Annotated[SecretStr, AfterValidator(_api_key)] = SecretStr("")
    """Key of the project that owns the webhook and the SIP address."""
    webhook_secret: SecretStr = SecretStr("")
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


class Webhook(Section):
    """When a delivery is believed."""

    tolerance_limit: Seconds = 300.0
    """Seconds that the timestamp of a delivery may be off (Standard Webhooks: five minutes)."""
    stale_limit: Seconds = 60.0
    """Seconds after which a call that was offered is not worth an answer any more."""


class Trunk(Section):
    """What is known of the SIP trunk."""

    default_region: Annotated[str, AfterValidator(_region)] = "US"
    """Country in which numbers without a country code are read."""
    called_number_headers: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Headers of your own trunk that carry the called number, in the order in which they are
    tried, before those that all trunks use."""


class Log(Section):
    """What is written, and what of people's data."""

    format: Literal["json", "console"] | None = None
    """By default `console` on a terminal, `json` otherwise."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is written."""
    show_speech: bool = False
    """Write what people say. For development only."""
    show_numbers: bool = False
    """Write whole telephone numbers instead of the last four digits."""


class Settings(BaseSettings):
    """All settings. Made by `load_settings`, never by hand."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )

    agents_dir: FilePath = Path("agents")
    """Folder of the agent files, relative to `controller.toml`."""
    tools_dir: FilePath = Path("tools")
    """Folder of the Python tools, relative to `controller.toml`."""
    server: Server = Server()
    store: Store = Store()
    policy: Policy = Policy()
    numbers: Annotated[tuple[Number, ...], Field(strict=False)] = ()
    targets: dict[str, TransferTarget] = {}
    openai: OpenAI = OpenAI()
    webhook: Webhook = Webhook()
    trunk: Trunk = Trunk()
    log: Log = Log()

    _layers: layers.Layers = PrivateAttr(default_factory=layers.Layers)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what `load_settings` has put together: it must know who gave which value."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    @property
    def config_path(self) -> Path:
        """The `controller.toml` that was read."""
        return Path(self._layers.document.name)

    def sources(self) -> config.Sources:
        """Return what `controller.config.load` needs."""
        policy = self.policy
        numbers = tuple((each.number, each.agent) for each in self.numbers)
        unknown = policy.unknown_number
        return config.Sources(
            agents_dir=self.agents_dir,
            tools_dir=self.tools_dir,
            numbers=numbers,
            targets={
                name: Target(name, each.uri, each.description)
                for name, each in self.targets.items()
            },
            rules=Rules(
                numbers=dict(numbers),
                default_agent=policy.default_agent,
                unknown_number=unknown if unknown == "ignore" else unknown.reject,
                max_concurrent_calls=policy.max_concurrent_calls,
                busy=policy.busy.reject,
                paused=policy.draining.reject,
            ),
            default_region=self.trunk.default_region,
            where=self._layers.where,
        )


def load_settings(
    config_path: Path | None = None,
    *,
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] = os.environ,
    with_secrets: bool = True,
) -> Settings:
    """Read the settings.

    Args:
        config_path: `--config`; by default `$CONTROLLER_CONFIG`, else `controller.toml` here.
        overrides: What the command line says, nested: `{"server": {"port": 0}}`.
        environ: The environment.
        with_secrets: Ask for the key and the webhook secret; not needed to talk to a running
            service.

    Raises:
        ConfigurationError: Names every mistake.
    """
    settings, problems = _read(config_path, overrides or {}, environ, with_secrets=with_secrets)
    if problems:
        raise ConfigurationError(*problems)
    return settings


def load_all(
    config_path: Path | None = None,
    *,
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] = os.environ,
    with_secrets: bool = True,
) -> tuple[Settings, config.Generation]:
    """Read the settings and load the generation, and find the mistakes of both at once.

    Takes and raises what `load_settings` does.
    """
    settings, problems = _read(config_path, overrides or {}, environ, with_secrets=with_secrets)
    try:
        generation = config.load(settings.sources())
    except ConfigurationError as error:
        raise ConfigurationError(*problems, *error.problems) from None
    if problems:
        config.forget(generation)
        raise ConfigurationError(*problems)
    return settings, generation


def _read(
    config_path: Path | None,
    overrides: Mapping[str, Any],
    environ: Mapping[str, str],
    *,
    with_secrets: bool,
) -> tuple[Settings, list[Problem]]:
    """Return the settings and what is wrong; where something is, its default stands instead."""
    given = config_path or environ.get("CONTROLLER_CONFIG") or DEFAULT_CONFIG
    path = Path(given)
    stack = layers.Layers()
    for section, values in overrides.items():
        stack.add((section,), values, layers.COMMAND_LINE)
    problems = stack.add_environment(environ, Settings, variables=_VARIABLES, secrets=_SECRETS)
    stack.add_document(document.parse(_read_config(path), str(path)))
    _place(stack.values, path.parent)
    settings, invalid = stack.settings(Settings, hidden=_HIDDEN, stand_in=_STAND_IN)
    problems += [problem for _, problem in invalid]
    if with_secrets:
        problems += _check_secrets(settings, stack, wrong=[path for path, _ in invalid])
    server = settings.server
    socket = server.control_socket
    if socket == Path():
        socket = default_path(path, server.host, server.port, environ)
    elif len(os.fsencode(socket)) > LONGEST_PATH:
        problems.append(
            Problem(
                stack.where(("server", "control_socket")),
                "server.control_socket",
                f"{socket} is too long",
                f"a socket's path has at most {LONGEST_PATH} bytes",
            )
        )
    settings = settings.model_copy(
        update={"server": server.model_copy(update={"control_socket": socket})}
    )
    settings._layers = stack  # noqa: SLF001 - nobody else makes Settings
    return settings, problems


def _read_config(path: Path) -> str:
    try:
        return document.read_text(path)
    except ConfigurationError as error:
        if path.exists():
            raise
        cure = "name the file with --config PATH or CONTROLLER_CONFIG"
        raise ConfigurationError(replace(error.problems[0], cure=cure)) from None


def _place(values: dict[str, Any], folder: Path) -> None:
    """Make the paths relative to the folder of `controller.toml`."""
    server = values.get("server")
    tables = [
        (values, "agents_dir", "agents"),
        (values, "tools_dir", "tools"),
        (server if isinstance(server, dict) else {}, "control_socket", ""),
    ]
    for table, key, default in tables:
        value = table.get(key, default)
        if value and isinstance(value, str | Path):
            table[key] = folder / value


def _check_secrets(
    settings: Settings, stack: layers.Layers, *, wrong: list[KeyPath]
) -> list[Problem]:
    """Check what the service cannot start without."""
    problems = []
    key, secret = _SECRETS.values()
    if not settings.openai.api_key.get_secret_value() and key not in wrong:
        problems.append(
            Problem(
                "OPENAI_API_KEY",
                "",
                "is not set",
                "set it, or put it into the file openai_api_key of $CREDENTIALS_DIRECTORY",
            )
        )
    try:
        decode_secrets(settings.openai.webhook_secret.get_secret_value())
    except ConfigurationError as error:
        giver = stack.givers.get(secret)
        problems += [replace(each, where=giver or each.where) for each in error.problems]
    return problems
