from __future__ import annotations

import base64
from pathlib import Path

import pytest

from controller.__main__ import main

EXAMPLE = Path(__file__).parents[2] / "deploy" / "example" / "controller.toml"
AGENT = '+++\nmodel = "gpt-realtime-2.1"\nvoice = "marin"\ndisclosure = false\n+++\nYou answer.\n'


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_WEBHOOK_SECRET", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)


def test_the_example_is_summed_up(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--config", str(EXAMPLE), "--without-secrets"]) == 0

    output = capsys.readouterr()
    assert output.err == ""
    assert "  frontdesk: gpt-realtime-2.1, marin; tools: opening_hours, price_of_" in output.out
    assert "_digits, hang_up, take_message, transfer, wait_for_caller\n" in output.out
    assert "    keys: 0, 9; fallback: reception; ends after 30 min or 5.00 USD\n" in output.out
    assert "  reception: sip:+12025550123@trunk.example.net; then manager\n" in output.out
    assert "  +12025550101 -> appointments\n" in output.out
    assert "  a number that cannot be read -> frontdesk\n" in output.out
    assert "  dentist_on_call: sip:+12025550124@trunk.example.net\n" in output.out
    assert output.out.endswith(f"{EXAMPLE} is in order\n")


def test_secrets_are_asked_for_and_not_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["check", "--config", str(EXAMPLE)]) == 2
    assert capsys.readouterr().err.startswith("error: OPENAI_API_KEY: is not set; ")

    secret = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
    monkeypatch.setenv("OPENAI_API_KEY", "sk-proj-secret")
    monkeypatch.setenv("OPENAI_WEBHOOK_SECRET", secret)

    assert main(["check", "--config", str(EXAMPLE)]) == 0
    output = capsys.readouterr()
    assert "sk-proj" not in output.out
    assert secret not in output.out


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "agents").mkdir()
    (tmp_path / "tools").mkdir()
    (tmp_path / "agents" / "frontdesk.md").write_text(AGENT)
    return tmp_path


def test_hours_and_what_a_hand_off_cannot_change_are_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    billing = AGENT.replace('"marin"', '"cedar"\ndescription = "Invoices"\nbudget = false')
    hands_over = 'agents = ["billing"]\ntools = ["handoff"]\ndisclosure'
    (folder / "agents" / "billing.md").write_text(billing)
    (folder / "agents" / "frontdesk.md").write_text(AGENT.replace("disclosure", hands_over))
    target = 'uri = "tel:+12025550123"\ndescription = "Day"\nhours = ["mon 08:00-09:00"]'
    toml = folder / "controller.toml"
    toml.write_text(
        '[policy]\ndefault_agent = "frontdesk"\ntime_zone = "America/New_York"\n'
        f"[targets.day]\n{target}\n"
    )

    assert main(["check", "--config", str(toml), "--without-secrets"]) == 0

    output = capsys.readouterr().out
    assert "    hands over to: billing; ends after 30 min or 5.00 USD\n" in output
    assert "    ends after 30 min\n" in output
    assert "  day: tel:+12025550123; in its hours\n" in output
    assert "after a hand-off to 'billing' the voice stays 'marin', not 'cedar'\n" in output


def test_our_own_key_is_refused_in_a_tool_also_without_secrets(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tool = (
        'tools = ["crm"]\n[[http_tools]]\nname = "crm"\ndescription = "Look."\n'
        'url = "https://crm.example.net/"\nheaders = { X-Key = "${OPENAI_API_KEY}" }\n+++\nYou'
    )
    (folder / "agents" / "frontdesk.md").write_text(AGENT.replace("+++\nYou", tool))
    toml = folder / "controller.toml"
    toml.write_text('[policy]\ndefault_agent = "frontdesk"\n')

    assert main(["check", "--config", str(toml), "--without-secrets"]) == 2

    assert "OPENAI_API_KEY is never sent to anybody else" in capsys.readouterr().err


def test_without_an_agent_for_unreadable_numbers_the_check_fails(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toml = folder / "controller.toml"
    toml.write_text('[[numbers]]\nnumber = "+12025550100"\nagent = "frontdesk"\n')

    assert main(["check", "--config", str(toml), "--without-secrets"]) == 2

    output = capsys.readouterr()
    assert "  a number that cannot be read -> nobody\n" in output.out
    assert "targets" not in output.out
    assert "in order" not in output.out
    assert output.err.startswith(f"error: {toml}: policy.default_agent: no [policy] default_agent")


def test_the_catch_all_takes_calls_with_unreadable_numbers(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toml = folder / "controller.toml"
    toml.write_text('[[numbers]]\nnumber = "*"\nagent = "frontdesk"\n')

    assert main(["check", "--config", str(toml), "--without-secrets"]) == 0
    assert "  a number that cannot be read -> frontdesk\n" in capsys.readouterr().out


def test_mistakes_are_one_line_each(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    toml = folder / "controller.toml"
    toml.write_text("[server]\nport = 'x'\n[log]\nlevel = 'loud'\n")

    assert main(["check", "--config", str(toml), "--without-secrets"]) == 2

    output = capsys.readouterr()
    assert output.out == ""
    assert [line.partition(" found ")[0] for line in output.err.splitlines()] == [
        f"error: {toml}:2: server.port:",
        f"error: {toml}:4: log.level:",
    ]


POLICY = (
    '[policy]\ndefault_agent = "frontdesk"\ntime_zone = "America/New_York"\n'
    '[[policy.rules]]\nname = "blocked"\nwhen = { caller_list = "blocked" }\nreject = 603\n'
    '[[policy.rules]]\nname = "closed"\nwhen = { closed = "office" }\n'
    'agent = "frontdesk"\nrefer_to = "desk"\n'
    '[[policy.rules]]\nname = "theirs"\nwhen = { called = "+1303*" }\nignore = true\n'
    '[[policy.limits]]\nname = "caller"\nby = "caller"\nat_most = 4\nagent = "frontdesk"\n'
    '[lists.blocked]\nnumbers = ["+12025550166"]\n'
    '[calendars.office]\nhours = ["mon 08:00-09:00"]\nclosed = ["12-25"]\n'
    '[policy.emergencies]\nrefer_to = "desk"\nBY'
    '[trunk]\nheader = { X-Secret = "${TRUNK}" }\n'
    '[targets.desk]\nuri = "tel:+12025550123"\ndescription = "The desk"\n'
)


@pytest.mark.parametrize(("keys", "by"), [("", ""), ('agent = "frontdesk"\n', ", by frontdesk")])
def test_the_policy_is_summed_up(
    folder: Path, capsys: pytest.CaptureFixture[str], keys: str, by: str
) -> None:
    toml = folder / "controller.toml"
    toml.write_text(POLICY.replace("BY", keys))

    assert main(["check", "--config", str(toml), "--without-secrets"]) == 0

    printed = capsys.readouterr().out
    assert (
        "trunk: unverified; known by x-secret\n"
        "rules\n"
        "  untrusted_trunk: the call lacks the trunk's secret header -> 403\n"
        "  blocked: the caller is on the list blocked -> 603\n"
        "  closed: it is outside the hours office -> frontdesk, then desk\n"
        "  theirs: the called number is one of 1 -> left to another controller\n"
        "limits\n"
        "  full: at most 10 calls at once in all -> 503\n"
    ) in printed
    assert "  caller: at most 4 calls at once of one caller -> frontdesk\n" in printed
    assert f"emergencies -> desk{by}\n" in printed
    assert "calendars\n  office: America/New_York; 1 other day, 0 overrides\n" in printed
    assert "lists\n  blocked: 1 numbers and prefixes\n" in printed


def test_once_the_trunk_is_verified_nobody_need_take_unreadable_numbers(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toml = folder / "controller.toml"
    number = '[[numbers]]\nnumber = "+12025550100"\nagent = "frontdesk"\n'
    toml.write_text(f"{number}[trunk]\nverified_at = 2026-11-20\n")

    assert main(["check", "--config", str(toml), "--without-secrets"]) == 0

    printed = capsys.readouterr().out
    assert "trunk: verified on 2026-11-20\n" in printed
    assert printed.endswith(f"{toml} is in order\n")
