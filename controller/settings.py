"""Every setting, where it comes from and what it means. The only reader of the environment.

A value is looked for on the command line, then in the environment, then in the credential files of
`$CREDENTIALS_DIRECTORY` (secrets only), then in `controller.toml`. Any setting can be given as a
variable: `[server] port` is `CONTROLLER_SERVER__PORT`; lists and tables are given as JSON. The keys
of OpenAI's own tools have the names that these tools use: `OPENAI_API_KEY`,
`OPENAI_WEBHOOK_SECRET`, `OPENAI_BASE_URL`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import Field, PrivateAttr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from controller import config
from controller.config import document, layers
from controller.config.control_socket import default_path, too_long
from controller.config.driving import ConversationSection, Handover, HttpToolsSection, Incident
from controller.config.lookup import LookupSection
from controller.config.places import fill_in, place
from controller.config.policy.calendars import CalendarSection
from controller.config.policy.conditions import WhenSection
from controller.config.policy.limits import LimitSection
from controller.config.policy.lists import ListSection
from controller.config.policy.rules import RuleSection
from controller.config.policy.tables import PolicyTables
from controller.config.policy.trunk import Trunk
from controller.config.prices import Price, price_list
from controller.config.reference import render
from controller.config.reload import Reload
from controller.config.secrets import Secrets
from controller.config.section import FilePath
from controller.config.sections import (
    Log,
    Number,
    OpenAI,
    Policy,
    Server,
    Store,
    Webhook,
)
from controller.config.targets import TransferRules, TransferTarget
from controller.config.values import Values, texts_of
from controller.errors import ConfigurationError, Problem
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
_KEYS: Final = (
    ("http_tools", "signing_secret"),
    ("handover", "secret"),
    ("log", "caller_ref_key"),
)
"""Settings that may be written as `${NAME}`."""
_CONTROL_SOCKET: Final = ("server", "control_socket")
_HIDDEN: Final = frozenset({*_SECRETS.values(), ("store", "url"), *_KEYS})
_WITH_SECRETS: Final = frozenset({"header", "headers"})
"""Tables of headers, whose values are secrets."""

_STAND_IN: Final[Mapping[str, Any]] = {
    "targets": {"uri": "sip:nobody@example.invalid", "description": "nobody"},
    "calendars": {"hours": [], "time_zone": "UTC"},
    "lists": {"numbers": []},
    "values": "",
    # Without a name: that one is wrong is told already, and nothing more is to be said of it.
    "policy.rules": RuleSection.model_construct(name="", when=WhenSection()),
    "policy.limits": LimitSection.model_construct(name="", by="total", at_most=0.0),
}
"""By table, or by the list of a section's."""


class Settings(BaseSettings):
    """All settings. Made by `load_settings`, never by hand."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )

    agents_dir: FilePath = Path("agents")
    """Folder of the agent files, relative to `controller.toml`."""
    tools_dir: FilePath = Path("tools")
    """Folder of the Python tools, relative to `controller.toml`; it may be missing by default."""
    server: Server = Server()
    store: Store = Store()
    policy: Policy = Policy()
    numbers: Annotated[tuple[Number, ...], Field(strict=False)] = ()
    targets: dict[str, TransferTarget] = {}
    calendars: dict[str, CalendarSection] = {}
    """When somebody is there, by name."""
    lists: dict[str, ListSection] = {}
    """Telephone numbers that rules name together, by name."""
    values: Values = {}
    """What texts of agents have in common: `practice = "Acme Dental"` stands where they say
    `{{ values.practice }}`. Text and numbers."""
    lookup: LookupSection | None = None
    """What is asked before a call is answered."""
    openai: OpenAI = OpenAI()
    prices: Annotated[tuple[Price, ...], Field(strict=False)] = ()
    conversation: ConversationSection = ConversationSection()
    incident: Incident = Incident()
    http_tools: HttpToolsSection = HttpToolsSection()
    handover: Handover = Handover()
    webhook: Webhook = Webhook()
    trunk: Trunk = Trunk()
    log: Log = Log()
    reload: Reload = Reload()

    _layers: layers.Layers = PrivateAttr(default_factory=layers.Layers)
    _secrets: Secrets = PrivateAttr(default_factory=Secrets)
    _with_secrets: bool = PrivateAttr(default=True)

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

    def _wants_tools(self) -> bool:
        """A folder that is named must be there; the default one need not: not all have tools."""
        given = "tools_dir" in self._layers.document.values or ("tools_dir",) in self._layers.givers
        return given or self.tools_dir.exists()

    @property
    def config_path(self) -> Path:
        """The `controller.toml` that was read."""
        return Path(self._layers.document.name)

    def sources(self) -> config.Sources:
        """Return what `controller.config.load` needs."""
        policy = self.policy
        numbers = tuple((each.number, each.agent) for each in self.numbers)
        unknown = policy.unknown_number
        # A zone that is wrong is told by itself, and not once more by each who has none then.
        stand_in = "UTC" if self._is_given(("policy", "time_zone")) else None
        time_zone = policy.time_zone or stand_in
        return config.Sources(
            agents_dir=self.agents_dir,
            tools_dir=self.tools_dir if self._wants_tools() else None,
            numbers=numbers,
            targets=self.targets,
            rules=Rules(
                numbers=dict(numbers),
                default_agent=policy.default_agent,
                unknown_number=unknown if unknown == "ignore" else unknown.reject,
                max_concurrent_calls=policy.max_concurrent_calls,
                busy=policy.busy.reject,
                paused=policy.draining.reject,
                loop=policy.loop.reject,
            ),
            policy=PolicyTables(
                rules=policy.rules,
                limits=policy.limits,
                default_limits=policy.default_limits,
                shared_numbers=policy.shared_numbers,
                emergencies=policy.emergencies,
                lists=self.lists,
                calendars=self.calendars,
                time_zone=time_zone,
                trunk=self.trunk,
            ),
            transfer_rules=TransferRules(
                region=self.trunk.default_region,
                hosts=policy.allowed_transfer_hosts,
                time_zone=time_zone,
                has_secret=self._is_given(("handover", "secret")),
            ),
            values=texts_of(self.values),
            lookup=self.lookup,
            prices=price_list(self.prices, factor=self.openai.price_factor),
            secrets=self._secrets,
            with_secrets=self._with_secrets,
            signs_http_tools=self._is_given(("http_tools", "signing_secret")),
            private_hosts=self.http_tools.allowed_private_hosts,
            where=self._layers.where,
        )

    def _is_given(self, path: KeyPath) -> bool:
        """Tell whether somebody gave a value; a check without secrets may not know it."""
        return path in self._layers.givers or path in self._layers.document.lines


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


def find_control_socket(
    config_path: Path | None = None, *, environ: Mapping[str, str] = os.environ
) -> Path:
    """Return where the running service takes commands, also while the files have mistakes.

    Takes what `load_settings` does.

    Raises:
        ConfigurationError: The mistakes leave open where that is.
    """
    try:
        settings, problems = _read(config_path, {}, environ, with_secrets=False)
    except ConfigurationError:  # no TOML at all
        given = config_path or environ.get("CONTROLLER_CONFIG") or DEFAULT_CONFIG
        usual = default_path(Path(given), environ)
        if not usual.is_socket():
            raise
        return usual
    of_it = [each for each in problems if each.key in {"server", "server.control_socket"}]
    if of_it:
        raise ConfigurationError(*of_it)
    return settings.server.control_socket


def reference() -> str:
    """Return the reference of settings and agent files, as Markdown."""
    return render(Settings)


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
    place(stack.values, path.parent)
    secrets = Secrets(environ)
    missing = fill_in(stack, _KEYS, secrets)
    settings, invalid = stack.settings(Settings, hidden=_is_hidden, stand_in=_STAND_IN)
    problems += [problem for _, problem in invalid]
    if with_secrets:
        problems += missing
        wrong = [path for path, _ in invalid]
        problems += _check_secrets(settings, stack, environ, wrong=wrong, known=problems)
    server = settings.server
    named = server.control_socket
    socket = default_path(path, environ) if named == Path() else named
    problems += too_long(named, stack.where(_CONTROL_SOCKET))
    settings = settings.model_copy(
        update={"server": server.model_copy(update={"control_socket": socket})}
    )
    settings._layers = stack  # noqa: SLF001 - nobody else makes Settings
    settings._secrets, settings._with_secrets = secrets, with_secrets  # noqa: SLF001 - likewise
    return settings, problems


def _is_hidden(path: KeyPath) -> bool:
    """Tell whether no message may show the value at a path."""
    return path in _HIDDEN or not _WITH_SECRETS.isdisjoint(path)


def _read_config(path: Path) -> str:
    try:
        return document.read_text(path)
    except ConfigurationError as error:
        if path.exists():
            raise
        cure = "name the file with --config PATH or CONTROLLER_CONFIG"
        raise ConfigurationError(replace(error.problems[0], cure=cure)) from None


def _check_secrets(
    settings: Settings,
    stack: layers.Layers,
    environ: Mapping[str, str],
    *,
    wrong: list[KeyPath],
    known: list[Problem],
) -> list[Problem]:
    """Check what the service cannot start without; what is wrong already is not told twice."""
    problems = []
    folder = environ.get("CREDENTIALS_DIRECTORY", "")
    given = {
        "OPENAI_API_KEY": settings.openai.api_key,
        "OPENAI_WEBHOOK_SECRET": settings.openai.webhook_secret,
    }
    for variable, value in given.items():
        path, file = _VARIABLES[variable], str(Path(folder) / variable.lower())
        if path in wrong or (folder and any(each.where.startswith(file) for each in known)):
            continue
        giver = stack.givers.get(path)
        if not value.get_secret_value().strip():
            found = "is empty" if giver else "is not set"
            name = variable.lower()
            cure = f"set it, or put it into the file {name} of {folder or '$CREDENTIALS_DIRECTORY'}"
            problems.append(Problem(giver or variable, "", found, cure))
        elif variable == "OPENAI_WEBHOOK_SECRET":
            problems += _check_webhook_secrets(value.get_secret_value(), giver)
    return problems


def _check_webhook_secrets(text: str, giver: str | None) -> list[Problem]:
    try:
        decode_secrets(text)
    except ConfigurationError as error:
        return [replace(each, where=giver or each.where) for each in error.problems]
    return []
