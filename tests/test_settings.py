from __future__ import annotations

import base64
import json
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from controller.config.targets import TransferTarget
from controller.errors import ConfigurationError
from controller.sansio.policy import Rules
from controller.settings import Settings, find_control_socket, load_all, load_settings

KEY = "sk-proj-secret-key"
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
SECRETS = {"OPENAI_API_KEY": KEY, "OPENAI_WEBHOOK_SECRET": SECRET}
AGENT = '+++\nmodel = "gpt-realtime-2.1"\nvoice = "marin"\ndisclosure = false\n+++\nYou answer.\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "agents").mkdir()
    (tmp_path / "tools").mkdir()
    (tmp_path / "agents" / "frontdesk.md").write_text(AGENT)
    (tmp_path / "controller.toml").write_text('[policy]\ndefault_agent = "frontdesk"\n')
    return tmp_path


def read(folder: Path, toml: str | None = None, **options: Any) -> Settings:
    if toml is not None:
        (folder / "controller.toml").write_text(toml)
    options.setdefault("environ", SECRETS)
    return load_settings(folder / "controller.toml", **options)


def problems_of(folder: Path, toml: str | None = None, **options: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        read(folder, toml, **options)
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


def test_an_empty_file_gives_the_documented_defaults(folder: Path) -> None:
    found = read(folder, "")

    assert found.agents_dir == folder / "agents"
    assert found.tools_dir == folder / "tools"
    assert (found.server.host, found.server.port, found.server.on_stop) == (
        "127.0.0.1",
        8080,
        "drain",
    )
    assert found.openai.base_url == "https://api.openai.com/v1"
    assert found.store.url.get_secret_value() == "sqlite:///controller.db"
    assert found.log.format is None
    assert found.config_path == folder / "controller.toml"


def test_each_layer_wins_over_the_ones_below(folder: Path) -> None:
    toml = '[server]\nhost = "h-file"\nport = 1\noperator_port = 2\n'
    environ = SECRETS | {"CONTROLLER_SERVER__HOST": "h-env", "CONTROLLER_SERVER__PORT": "3"}

    found = read(folder, toml, environ=environ, overrides={"server": {"host": "h-line"}})

    assert found.server.host == "h-line"
    assert found.server.port == 3
    assert found.server.operator_port == 2


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_secrets_come_from_credential_files(folder: Path, tmp_path: Path, end: str) -> None:
    (folder / "openai_api_key").write_bytes(f"{KEY}{end}".encode())
    (folder / "openai_webhook_secret").write_bytes(f"{SECRET}{end}".encode())

    found = read(folder, environ={"CREDENTIALS_DIRECTORY": str(folder)})

    assert found.openai.api_key.get_secret_value() == KEY
    assert found.openai.webhook_secret.get_secret_value() == SECRET


def test_the_environment_wins_over_credential_files_unless_it_is_empty(folder: Path) -> None:
    (folder / "openai_api_key").write_text("sk-file")
    environ = SECRETS | {"CREDENTIALS_DIRECTORY": str(folder)}

    from_variable = read(folder, environ=environ)
    from_file = read(folder, environ=environ | {"OPENAI_API_KEY": ""})

    assert from_variable.openai.api_key.get_secret_value() == KEY
    assert from_file.openai.api_key.get_secret_value() == "sk-file"


def test_credential_files_win_over_the_file_and_hold_secrets_only(folder: Path) -> None:
    (folder / "openai_api_key").write_text("sk-file")
    (folder / "openai_base_url").write_text("https://elsewhere.example/v1")
    environ = {"OPENAI_WEBHOOK_SECRET": SECRET, "CREDENTIALS_DIRECTORY": str(folder)}

    found = read(folder, '[openai]\napi_key = "sk-toml"\n', environ=environ)

    assert found.openai.api_key.get_secret_value() == "sk-file"
    assert found.openai.base_url == "https://api.openai.com/v1"


def test_credential_files_that_cannot_be_read_are_problems(folder: Path) -> None:
    (folder / "openai_api_key").mkdir()
    (folder / "openai_webhook_secret").write_bytes(b"\xff")

    found = problems_of(folder, environ={"CREDENTIALS_DIRECTORY": str(folder)})

    assert "openai_api_key: cannot be read (Is a directory); must be a readable file" in found
    assert "openai_webhook_secret:1: byte 0xff is not UTF-8; save the file as UTF-8" in found


def test_the_path_comes_from_the_command_line_then_the_environment(folder: Path) -> None:
    other = folder / "other.toml"
    other.write_text("")
    environ = SECRETS | {"CONTROLLER_CONFIG": str(other)}

    assert load_settings(environ=environ).config_path == other
    assert read(folder, environ=environ).config_path == folder / "controller.toml"


def test_without_any_path_the_file_is_looked_for_here(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)

    assert load_settings(environ=SECRETS).agents_dir == Path("agents")


def test_a_missing_file_says_how_to_name_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="--config PATH or CONTROLLER_CONFIG"):
        load_settings(tmp_path / "none.toml", environ=SECRETS)


def test_a_file_that_is_there_and_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Is a directory"):
        load_settings(tmp_path, environ=SECRETS)


def test_variables_reach_every_depth_and_type(folder: Path) -> None:
    environ = SECRETS | {
        "CONTROLLER_AGENTS_DIR": "people",
        "CONTROLLER_LOG__SHOW_SPEECH": "true",
        "CONTROLLER_LOG__FORMAT": "json",
        "CONTROLLER_SERVER__DRAIN_TIMEOUT": "2.5",
        "CONTROLLER_SERVER__OPERATOR_PORT": "9090",
        "CONTROLLER_STORE__URL": "postgresql://u:p@h/d",
        "CONTROLLER_POLICY__BUSY__REJECT": "486",
        "CONTROLLER_POLICY__UNKNOWN_NUMBER": "ignore",
        "CONTROLLER_NUMBERS": '[{"number": "*", "agent": "frontdesk"}]',
        "CONTROLLER_TARGETS__DESK__URI": "tel:+12025550123",
        "CONTROLLER_TARGETS__DESK__DESCRIPTION": "The desk",
        "CONTROLLER_TRUNK": '{"called_number_headers": ["x-called"], "default_region": "DE"}',
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1/",
    }

    found = read(folder, "", environ=environ)

    assert found.agents_dir == folder / "people"
    assert found.log.show_speech is True
    assert found.log.format == "json"
    assert found.server.drain_timeout == 2.5
    assert found.server.operator_port == 9090
    assert found.store.url.get_secret_value() == "postgresql://u:p@h/d"
    assert found.policy.busy.reject == 486
    assert found.policy.unknown_number == "ignore"
    assert found.numbers[0].number == "*"
    assert found.targets["desk"].uri == "tel:+12025550123"
    assert found.trunk.called_number_headers == ("x-called",)
    assert found.sources().transfer_rules.region == "DE"
    assert found.openai.base_url == "http://127.0.0.1:9/v1"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("CONTROLLER_SERVER_PORT", "1", 'did you mean "CONTROLLER_SERVER__PORT"?'),
        ("CONTROLLER_AGENT_DIR", "x", 'did you mean "CONTROLLER_AGENTS_DIR"?'),
        ("CONTROLLER_STROE__URL", "x", 'did you mean "CONTROLLER_STORE__URL"?'),
        ("CONTROLLER_SERVER__PROT", "1", 'server.prot: unknown key; did you mean "port"?'),
        ("CONTROLLER_SERVER__PORT", "http", "server.port: found 'http'; must be a whole number"),
        ("CONTROLLER_SERVER__PORT__X", "1", "server.port: found {'x': "),
        ("CONTROLLER_SERVER", "8080", "server: found 8080; "),
        ("CONTROLLER_NUMBERS", "[", "is not JSON"),
        ("CONTROLLER_LOG__FORMAT", "xml", "log.format: found 'xml'; must be 'json' or 'console'"),
        ("CONTROLLER_", "x", "is no variable of ours"),
    ],
)
def test_a_wrong_variable_is_named(folder: Path, name: str, value: str, message: str) -> None:
    (problem,) = problems_of(folder, environ=SECRETS | {name: value})

    assert problem.startswith(f"{name}: ")
    assert message in problem


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("prot = 1", "controller.toml:1: prot: unknown key; there is "),
        ('agent_dir = "x"', 'agent_dir: unknown key; did you mean "agents_dir"?'),
        ('_env_file = ".env"', "controller.toml:1: _env_file: unknown key"),
        ("[server]\nport = '80'", "controller.toml:2: server.port: found '80'; must be a whole"),
        ("[server]\nport = true", "server.port: found true; must be a whole number"),
        ("[server]\nport = 65536", "server.port: found 65536; must be at most 65535"),
        ("[server]\ndrain_timeout = nan", "server.drain_timeout: found nan; "),
        ("[server]\nbody_timeout = 0", "server.body_timeout: found 0; must be more than 0"),
        ('[server]\non_stop = "hand_over"', '"hand_over" needs a ledger'),
        ('[server]\non_stop = "stop"', "server.on_stop: found 'stop'; must be 'drain'"),
        ("server = 1", "controller.toml:1: server: found 1; "),
        ("[policy]\nbusy = { reject = 399 }", "controller.toml:2: policy.busy.reject: found 399"),
        ("[policy]\nbusy = { reject = 700 }", "must be a SIP code from 400 to 699"),
        ("[policy]\nbusy = {}", "policy.busy.reject: is missing; must be given: SIP status code"),
        ("[policy]\nbusy = 503", "policy.busy: found 503; "),
        ('[policy]\nunknown_number = "drop"', "must be { reject = 404 }, with a SIP code from 400"),
        ("[policy]\nunknown_number = { reject = 200 }", "policy.unknown_number.reject: found 200"),
        ("[policy]\nmax_concurrent_calls = 0", "must be at least 1"),
        ("[[numbers]]\nnumber = 1\nagent = 'a'", "controller.toml:2: numbers[0].number: found 1"),
        ("[[numbers]]\nnumber = '*'", "controller.toml:1: numbers[0].agent: is missing; must be"),
        ("[numbers]\nnumber = '*'", "controller.toml:1: numbers: is one table; must be a list"),
        ("[targets.a]\nuri = 'tel:+12025550123'", "targets.a.description: is missing; must be"),
        ("[targets.a]\nuri = 'x'\ndescription = ' '", "targets.a.description: found ' '"),
        ('[store]\nurl = "mysql://u:hunter2@h/d"', 'store.url: is not usable; must be "sqlite:'),
        ('[openai]\napi_keys = "hunter2"', 'openai.api_keys: unknown key; did you mean "api_key"?'),
        ('[openai]\nbase_url = "api.openai.com"', "must be an address like"),
        ('[openai]\nbase_url = "https://[x/v1"', "must be an address like"),
        ('[openai]\nbase_url = "https://x/v1?y=1"', "must be an address like"),
        ("[openai]\nmax_frame_bytes = 1", "must be at least 65536"),
        ('[trunk]\ndefault_region = "us"', "must be a country's two capital letters"),
        ('[trunk]\ncalled_number_headers = ["a:"]', "trunk.called_number_headers[0]: found 'a:'"),
        ('agents_dir = "a\\u0000b"', "agents_dir: found "),
        ("tools_dir = 1", "tools_dir: found 1; "),
        (f'[server]\ncontrol_socket = "/{"x" * 107}"', "a socket's path has at most 107 bytes"),
        ("a = [", "controller.toml:1: is not TOML; "),
        ("x = 0x" + "f" * 9000, "x: unknown key"),
        ("[server]\nport = 0x" + "f" * 9000, "server.port: found a very large number; "),
    ],
)  # fmt: skip
def test_a_wrong_key_is_named_with_its_line(folder: Path, toml: str, message: str) -> None:
    (problem,) = problems_of(folder, toml)

    assert message in problem
    assert problem.startswith("controller.toml:")
    assert "hunter2" not in problem


def test_all_mistakes_are_told_at_once(folder: Path) -> None:
    found = problems_of(
        folder,
        "[server]\nport = 'x'\nhots = 'y'\n[log]\nlevel = 'loud'\n",
        environ={"CONTROLLER_LOG__FORMAT": "xml"},
    )

    assert [problem.partition("; ")[0] for problem in found] == [
        "controller.toml:2: server.port: found 'x'",
        "controller.toml:3: server.hots: unknown key",
        "CONTROLLER_LOG__FORMAT: log.format: found 'xml'",
        "controller.toml:5: log.level: found 'loud'",
        "OPENAI_API_KEY: is not set",
        "OPENAI_WEBHOOK_SECRET: is not set",
    ]


def test_each_value_is_blamed_on_who_gave_it(folder: Path) -> None:
    found = problems_of(
        folder,
        "[server]\nhots = 1\n",
        overrides={"server": {"port": -1}},
        environ=SECRETS | {"CONTROLLER_SERVER": '{"operator_port": -1, "body_timeout": "x"}'},
    )

    assert [problem.rpartition(": found ")[0] or problem for problem in found] == [
        "command line: server.port",
        "CONTROLLER_SERVER: server.operator_port",
        "CONTROLLER_SERVER: server.body_timeout",
        'controller.toml:2: server.hots: unknown key; did you mean "host"?',
    ]


@pytest.mark.parametrize("key", ["sk with space", "sk-\n2", "sk-\u00fc", "'sk-1'", '"sk-1"'])
def test_a_key_that_cannot_be_a_header_is_refused_once(folder: Path, key: str) -> None:
    (problem,) = problems_of(folder, environ=SECRETS | {"OPENAI_API_KEY": key})

    assert problem == (
        "OPENAI_API_KEY: openai.api_key: is not usable; must be the key alone, without spaces,"
        " quotes or line breaks"
    )


def test_a_webhook_secret_in_the_place_of_the_key_is_recognised(folder: Path) -> None:
    (problem,) = problems_of(folder, environ=SECRETS | {"OPENAI_API_KEY": SECRET})

    assert problem.endswith("must be the API key (sk-…); this is a webhook's secret")
    assert SECRET not in problem


@pytest.mark.parametrize("quote", ["'", '"'])
def test_quotes_that_were_pasted_with_a_webhook_secret_are_named(folder: Path, quote: str) -> None:
    environ = SECRETS | {"OPENAI_WEBHOOK_SECRET": f"{quote}{SECRET}{quote}"}

    (problem,) = problems_of(folder, environ=environ)

    assert problem == (
        "OPENAI_WEBHOOK_SECRET: openai.webhook_secret: is not usable; must be one or more whsec_…"
        " secrets, without quotes"
    )


def test_a_missing_credential_is_asked_for_by_the_name_of_its_file(folder: Path) -> None:
    (folder / "openai_api_key").write_text("\n")

    found = problems_of(folder, environ={"CREDENTIALS_DIRECTORY": str(folder)})

    assert [problem.partition("; ")[0] for problem in found] == [
        "openai_api_key: is empty",
        "OPENAI_WEBHOOK_SECRET: is not set",
    ]
    assert "the file openai_webhook_secret of " in found[1]


def test_a_credential_that_cannot_be_read_is_not_told_to_be_missing_too(folder: Path) -> None:
    (folder / "openai_api_key").mkdir()
    environ = {"OPENAI_WEBHOOK_SECRET": SECRET, "CREDENTIALS_DIRECTORY": str(folder)}

    (problem,) = problems_of(folder, environ=environ)

    assert problem.startswith("openai_api_key: cannot be read (")


def test_a_short_webhook_secret_is_blamed_on_who_gave_it(folder: Path) -> None:
    (folder / "openai_webhook_secret").write_text("whsec_AAAA")
    environ = {"OPENAI_API_KEY": KEY, "CREDENTIALS_DIRECTORY": str(folder)}

    (problem,) = problems_of(folder, environ=environ)

    assert problem.startswith("openai_webhook_secret: secret 1 of 1 ")
    assert "AAAA" not in problem


def test_a_command_that_talks_to_the_service_needs_no_secrets(folder: Path) -> None:
    assert read(folder, environ={}, with_secrets=False).server.port == 8080


def test_secrets_are_not_shown(folder: Path) -> None:
    found = read(folder, '[store]\nurl = "postgresql://u:hunter2@h/d"\n')

    for text in (repr(found), str(found), found.model_dump_json()):
        assert KEY not in text
        assert SECRET not in text
        assert "hunter2" not in text


def test_settings_cannot_be_changed(folder: Path) -> None:
    found = read(folder)

    with pytest.raises(ValidationError):
        found.server.port = 1  # type: ignore[misc] # that it is frozen is the point


def test_every_setting_is_documented() -> None:
    for name, section in Settings.model_fields.items():
        fields = getattr(section.annotation, "model_fields", {name: section})
        for key, field in fields.items():
            if name not in {"numbers", "targets", "prices"}:
                assert field.description, f"{name}.{key}"


def test_service_and_commands_find_the_same_socket(folder: Path) -> None:
    service = read(folder, overrides={"server": {}})
    command = read(folder, environ={}, with_secrets=False)

    assert service.server.control_socket == command.server.control_socket
    assert service.server.control_socket.is_absolute()


def test_a_named_socket_is_relative_to_the_file(folder: Path) -> None:
    found = read(folder, '[server]\ncontrol_socket = "run/c.sock"\n')

    assert found.server.control_socket == folder / "run" / "c.sock"


def test_a_layer_that_gives_no_table_hides_the_tables_below(folder: Path) -> None:
    environ = SECRETS | {"CONTROLLER_SERVER": "8080", "CONTROLLER_SERVER__PORT": "1"}

    (problem,) = problems_of(folder, "[server]\nhost = 'h'\n", environ=environ)

    assert problem.startswith("CONTROLLER_SERVER: server: found 8080; ")


def test_a_house_without_tools_needs_no_folder_for_them(folder: Path) -> None:
    (folder / "tools").rmdir()

    _, generation = load_all(folder / "controller.toml", environ=SECRETS)

    assert generation.tools == {}


@pytest.mark.parametrize("by", ["file", "variable"])
def test_a_folder_of_tools_that_is_named_must_be_there(folder: Path, by: str) -> None:
    (folder / "tools").rmdir()
    environ = dict(SECRETS)
    if by == "file":
        (folder / "controller.toml").write_text('tools_dir = "tools"\n')
    else:
        environ["CONTROLLER_TOOLS_DIR"] = "tools"

    with pytest.raises(ConfigurationError, match=r"tools_dir: .*No such file or directory"):
        load_all(folder / "controller.toml", environ=environ)


def test_the_generation_is_made_from_plain_values(folder: Path) -> None:
    toml = """\
[policy]
unknown_number = { reject = 480 }
default_agent = "frontdesk"
max_concurrent_calls = 3
busy = { reject = 486 }
draining = { reject = 500 }
[[numbers]]
number = "+12025550100"
agent = "frontdesk"
[targets.desk]
uri = "tel:+12025550123"
description = "The desk"
"""
    sources = read(folder, toml).sources()

    assert sources.rules == Rules({"+12025550100": "frontdesk"}, "frontdesk", 480, 3, 486, 500)
    assert sources.targets == {
        "desk": TransferTarget(uri="tel:+12025550123", description="The desk")
    }
    assert sources.where(("numbers", 0, "agent")) == f"{folder}/controller.toml:9"


def test_mistakes_of_settings_and_of_agents_are_told_together(folder: Path) -> None:
    (folder / "controller.toml").write_text(
        "[server]\nport = 'x'\n[policy]\ndefault_agent = 'frontdask'\n"
        "[targets.desk]\nuri = 5\ndescription = 'The desk'\n"
    )
    (folder / "agents" / "frontdesk.md").write_text(
        AGENT.replace("+++\nYou", 'tools = ["transfer"]\ntargets = ["desk"]\nspeed = 9\n+++\nYou')
    )

    with pytest.raises(ConfigurationError) as caught:
        load_all(folder / "controller.toml", environ=SECRETS)

    keys = [problem.key for problem in caught.value.problems]
    assert keys == ["server.port", "targets.desk.uri", "speed", "policy.default_agent"]


def test_wrong_settings_beside_a_right_generation_load_nothing(folder: Path) -> None:
    (folder / "controller.toml").write_text("[server]\nport = 'x'\n")

    with pytest.raises(ConfigurationError) as caught:
        load_all(folder / "controller.toml", environ=SECRETS)

    assert [problem.key for problem in caught.value.problems] == ["server.port"]


def test_right_settings_and_a_right_generation_are_loaded(folder: Path) -> None:
    found, generation = load_all(folder / "controller.toml", environ=SECRETS)

    assert found.policy.default_agent == "frontdesk"
    assert list(generation.agents) == ["frontdesk"]


_WORDS = st.sampled_from(
    ["server", "port", "host", "policy", "busy", "reject", "unknown_number", "numbers", "number",
     "agent", "targets", "uri", "description", "agents_dir", "tools_dir", "control_socket", "store",
     "url", "openai", "base_url", "trunk", "called_number_headers", "log", "self", "_env_file"]
)  # fmt: skip
_VALUES = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=6) | st.sampled_from(["ignore", "*"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(_WORDS | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


def as_toml(value: Any) -> str:
    """JSON is TOML but for the tables."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {as_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    return json.dumps(value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=100)
    | st.dictionaries(_WORDS, _VALUES, max_size=4).map(
        lambda tables: "\n".join(f"{k} = {as_toml(v)}" for k, v in tables.items()).encode()
    )
)
def test_any_file_is_a_configuration_or_a_list_of_mistakes(folder: Path, content: bytes) -> None:
    (folder / "controller.toml").write_bytes(content)

    with suppress(ConfigurationError):
        load_all(folder / "controller.toml", environ=SECRETS)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(_WORDS.map(str.upper), min_size=1, max_size=3),
    st.text(max_size=8) | _VALUES.map(json.dumps),
)
def test_any_variable_is_a_setting_or_a_mistake(folder: Path, words: list[str], text: str) -> None:
    with suppress(ConfigurationError):
        read(folder, environ=SECRETS | {f"CONTROLLER_{'__'.join(words)}": text})


SIGNING = "whsec_" + base64.b64encode(b"abcdefghijklmnopqrstuvwx").decode()
HANDOVER = "0123456789abcdef0123456789abcdef"
NAMED = (
    '[http_tools]\nsigning_secret = "${SIGNING}"\n[handover]\nsecret = "${HANDOVER}"\n'
    '[log]\ncaller_ref_key = "${HANDOVER}"\n'
    '[targets.desk]\nuri = "sip:a@b.example"\ndescription = "Desk"\nuser_to_user = true\n'
)


def test_settings_may_name_secrets(folder: Path) -> None:
    environ = SECRETS | {"SIGNING": SIGNING, "CREDENTIALS_DIRECTORY": str(folder)}
    (folder / "handover").write_text(f"{HANDOVER}\n")

    found = read(folder, NAMED, environ=environ)

    assert found.http_tools.signing_secret is not None
    assert found.http_tools.signing_secret.get_secret_value() == SIGNING
    assert found.handover.secret is not None
    assert found.handover.secret.get_secret_value() == HANDOVER
    assert found.log.caller_ref_key == found.handover.secret
    assert found.sources().signs_http_tools
    assert found.sources().transfer_rules.has_secret
    for text in (repr(found), repr(found.sources()), repr(found._layers)):
        assert HANDOVER not in text
        assert KEY not in text


def test_a_named_secret_that_is_nowhere_is_a_problem(folder: Path) -> None:
    assert problems_of(folder, NAMED) == [
        (
            "controller.toml:2: http_tools.signing_secret: SIGNING is not set; set it, or put it"
            " into the file signing of $CREDENTIALS_DIRECTORY"
        ),
        (
            "controller.toml:4: handover.secret: HANDOVER is not set; set it, or put it into"
            " the file handover of $CREDENTIALS_DIRECTORY"
        ),
        (
            "controller.toml:6: log.caller_ref_key: HANDOVER is not set; set it, or put it into"
            " the file handover of $CREDENTIALS_DIRECTORY"
        ),
    ]


def test_a_check_without_secrets_knows_that_they_will_be_there(folder: Path) -> None:
    (folder / "controller.toml").write_text(f'{NAMED}[policy]\ndefault_agent = "frontdesk"\n')

    found, generation = load_all(folder / "controller.toml", environ={}, with_secrets=False)

    assert found.http_tools.signing_secret is None
    assert generation.targets["desk"].user_to_user
    assert generation.warnings == ()


def test_a_named_secret_of_the_wrong_shape_is_not_shown(folder: Path) -> None:
    environ = SECRETS | {"SIGNING": "hush-hush", "HANDOVER": "hush-hush"}

    found = problems_of(folder, NAMED, environ=environ)

    assert [problem.partition(": found")[0] for problem in found] == found
    assert [problem.partition(";")[0] for problem in found] == [
        "controller.toml:2: http_tools.signing_secret: is not usable",
        "controller.toml:4: handover.secret: is not usable",
        "controller.toml:6: log.caller_ref_key: is not usable",
    ]
    assert "hush" not in "".join(found)


def test_a_table_of_secrets_that_is_none_is_told_as_any_other(folder: Path) -> None:
    assert problems_of(folder, "http_tools = 5\n") == [
        "controller.toml:1: http_tools: found 5; must be a table"
    ]


def test_prices_and_their_factor_reach_the_generation(folder: Path) -> None:
    toml = (
        "[openai]\nprice_factor = 1.1\n"
        '[[prices]]\nmodel = "gpt-realtime-2.1"\nsince = 2026-12-01\n'
        "text = { input = 1.0, output = 2.0 }\n"
    )

    entry = read(folder, toml).sources().prices[-1]

    assert entry.model == "gpt-realtime-2.1"
    assert entry.since == 1_796_083_200.0  # 2026-12-01T00:00:00Z
    assert (entry.prices.input_text, entry.prices.factor) == (1.0, 1.1)


def test_prices_may_come_as_a_variable(folder: Path) -> None:
    lines = [{"model": "m", "since": "2026-12-01", "per_minute": 1.0}]
    environ = SECRETS | {"CONTROLLER_PRICES": json.dumps(lines)}

    assert read(folder, environ=environ).sources().prices[-1].model == "m"


@pytest.mark.parametrize(
    ("toml", "problem"),
    [
        (
            '[[prices]]\nmodel = "m"\n',
            "controller.toml:1: prices[0]: found {'model': 'm'}; must",
        ),
        (
            '[[prices]]\nmodel = "m"\nsince = 2026\nper_minute = 1\n',
            "controller.toml:3: prices[0].since: found 2026; must be a day, like 2026-01-01",
        ),
        ("[incident]\nshare = 2\n", "controller.toml:2: incident.share: found 2; must be at most"),
        (
            "[conversation]\ngreeting_dely = 1\n",
            'conversation.greeting_dely: unknown key; did you mean "greeting_delay"?',
        ),
        (
            '[policy]\nallowed_transfer_hosts = ["pbx:5060"]\n',
            "policy.allowed_transfer_hosts[0]: found 'pbx:5060'; must be a host without port",
        ),
        (
            '[targets.desk]\nuri = "tel:+12025550123"\ndescription = "x"\nring_timeout = 20\n',
            "controller.toml:4: targets.desk.ring_timeout: found 20; must be left out: calls are",
        ),
    ],
)
def test_a_mistake_about_driving_names_line_key_and_cure(
    folder: Path, toml: str, problem: str
) -> None:
    (found,) = problems_of(folder, toml)

    assert problem in found


def test_what_holds_for_all_targets_reaches_the_sources(folder: Path) -> None:
    toml = (
        '[policy]\nallowed_transfer_hosts = ["PBX.example.net"]\ntime_zone = "Europe/Berlin"\n'
        '[http_tools]\nallowed_private_hosts = ["crm.example.net"]\n'
    )

    sources = read(folder, toml).sources()

    assert sources.transfer_rules.hosts == ("pbx.example.net",)
    assert sources.transfer_rules.time_zone == "Europe/Berlin"
    assert not sources.transfer_rules.has_secret
    assert sources.private_hosts == ("crm.example.net",)


# --- where the running service is --------------------------------------------------------------


@pytest.mark.parametrize(
    "mistake",
    ["[trunk]\nx = 1", '[log]\nlevel = "loud"', "[[numbers]]\nnumber = 5", "[policy]\nbusy = 1"],
)
def test_a_mistake_elsewhere_does_not_hide_the_control_socket(tmp_path: Path, mistake: str) -> None:
    path = tmp_path / "controller.toml"
    path.write_text(f'[server]\ncontrol_socket = "here.sock"\nport = "x"\n{mistake}\n')

    assert find_control_socket(path, environ={}) == tmp_path / "here.sock"


def test_a_mistake_in_the_control_socket_is_told_alone(tmp_path: Path) -> None:
    path = tmp_path / "controller.toml"
    path.write_text("[server]\ncontrol_socket = 5\n[trunk]\nx = 1\n")

    with pytest.raises(ConfigurationError) as caught:
        find_control_socket(path, environ={})
    assert [problem.key for problem in caught.value.problems] == ["server.control_socket"]


def test_without_any_toml_the_usual_socket_is_asked_if_it_is_there(tmp_path: Path) -> None:
    path = tmp_path / "controller.toml"
    path.write_text("[server\n")
    environ = {"RUNTIME_DIRECTORY": str(tmp_path), "CONTROLLER_CONFIG": str(path)}
    with pytest.raises(ConfigurationError):
        find_control_socket(environ=environ)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "control.sock"))
        assert find_control_socket(environ=environ) == tmp_path / "control.sock"
