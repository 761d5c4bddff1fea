from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from controller.__main__ import main
from controller.cli import explain
from controller.sansio.incoming import read_incoming
from controller.sansio.policy import Accept
from controller.sansio.webhook import CallOffered
from controller.settings import load_all

EXAMPLE = Path(__file__).parents[2] / "deploy" / "example" / "controller.toml"
AGENT = (
    '+++\nmodel = "gpt-realtime-2.1"\nvoice = "marin"\n'
    'disclosure = false\ngreeting = "Say hello."\n{}+++\n{}\n'
)
TOML = (
    '[policy]\ntime_zone = "America/New_York"\nunknown_number = {}\n'
    '[[numbers]]\nnumber = "+12025550100"\nagent = "frontdesk"\n'
)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_WEBHOOK_SECRET", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)


class Explained:
    """A configuration, and what the command says about calls to it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys
        (folder / "agents").mkdir()
        self.agent("It is {{ weekday }}, {{ time }}. Greet {{ caller_name }}.")
        self.toml(TOML.format("{ reject = 404 }"))

    def agent(self, body: str, front: str = "") -> None:
        (self.folder / "agents" / "frontdesk.md").write_text(AGENT.format(front, body))

    def toml(self, text: str) -> None:
        (self.folder / "controller.toml").write_text(text)

    def say(self, *options: str, code: int = 0) -> str:
        path = str(self.folder / "controller.toml")
        assert main(["explain", "--config", path, *options]) == code
        read = self._capsys.readouterr()
        return read.err if code else read.out

    def json(self, *options: str) -> Any:
        return json.loads(self.say("--json", *options))


@pytest.fixture
def explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Explained:
    return Explained(tmp_path, capsys)


def test_a_call_that_is_answered_is_shown_whole(explained: Explained) -> None:
    text = explained.say(
        "--from", "+12025550142", "--name", "Bob", "--to", "+12025550100",
        "--at", "2026-12-24 18:05",
    )  # fmt: skip

    assert text.startswith(
        "called number: +12025550100\n"
        "caller: claimed\n"
        "time: 2026-12-24 18:05 -0500, Thursday\n"
        "trunk unverified; its calls cannot be told from others; line openai_sip\n"
        "decided by number: "
    )
    assert "\nanswered by frontdesk\n" in text
    assert "\ncounted under full: " in text
    assert 'It is Thursday, 18:05. Greet "caller_name" (the caller data).\n' in text
    assert '\n"caller_name": "Bob"\n' in text
    body = json.loads(text.partition("\naccept:\n")[2])
    assert body["model"] == "gpt-realtime-2.1"
    assert body["audio"]["input"]["turn_detection"]["create_response"] is False


def test_a_caller_whose_number_cannot_be_read_is_told(explained: Explained) -> None:
    text = explained.say("--from", "+1202555O142", "--to", "+12025550100")

    assert "\ncaller: claimed; the number cannot be read\n" in text


def test_programs_get_the_same_as_json(explained: Explained) -> None:
    answer = explained.json("--from", "+12025550142", "--to", "+12025550100")

    assert (answer["decision"], answer["agent"]) == ("accept", "frontdesk")
    assert (answer["rule"], answer["alarm"], answer["tried"]) == ("number", None, [])
    assert answer["greeting"] == "Say hello."
    assert answer["accept"]["instructions"] == answer["instructions"]


def test_a_number_that_nobody_answers_is_rejected(explained: Explained) -> None:
    text = explained.say("--to", "+12025550199")

    assert "caller: withheld\n" in text
    assert "decided by unknown_number: " in text
    assert text.endswith("rejected with 404\n")


def test_a_number_that_is_not_ours_may_be_left_alone(explained: Explained) -> None:
    explained.toml(TOML.format('"ignore"'))

    assert explained.say("--to", "+12025550199").endswith(
        "left to another controller of this project\n"
    )


def test_a_call_without_a_called_number_raises_an_alarm(explained: Explained) -> None:
    text = explained.say()

    assert text.startswith("called number: cannot be read\n")
    assert "alarm: called_number_unreadable\n" in text


def test_headers_are_read_as_those_of_the_trunk_are(explained: Explained) -> None:
    explained.agent("{{ header.x-tenant }}")

    answer = explained.json(
        "--header", "Diversion=<sip:+12025550100@x>", "--header", "X-Tenant=a=b"
    )

    assert answer["called_number"] == "+12025550100"
    assert '"header.x-tenant": "a=b"' in answer["instructions"]


def test_facts_that_nobody_looked_up_have_their_defaults(explained: Explained) -> None:
    explained.agent("{{ lookup.tier }}")
    lookup = '[lookup]\nhttp = { url = "https://crm.example.net" }\nfacts = { tier = "new" }\n'
    explained.toml(TOML.format("{ reject = 404 }") + lookup)

    assert '"lookup.tier": "new"' in explained.json("--to", "+12025550100")["instructions"]


def test_no_secret_is_shown(explained: Explained, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_TOKEN", "hush-hush")
    mcp = '[[mcp]]\nlabel = "f"\nurl = "https://mcp.example.net"\nauthorization = "MCP_TOKEN"\n'
    explained.agent("You answer.", mcp)

    text = explained.say("--to", "+12025550100")

    assert "hush-hush" not in text
    assert '"authorization": "(secret)"' in text


def test_a_saved_delivery_is_explained(explained: Explained) -> None:
    headers = [
        {"name": "From", "value": "<sip:+12025550142@trunk.example.net>"},
        {"name": "To", "value": "<sip:+12025550100@trunk.example.net>"},
    ]
    event = {
        "id": "evt_1", "type": "realtime.call.incoming", "created_at": 1_798_153_500,
        "data": {"call_id": "rtc_1", "sip_headers": headers},
    }  # fmt: skip
    body = explained.folder / "delivery.json"
    body.write_text(json.dumps(event))

    answer = explained.json("--webhook", str(body))
    assert (answer["agent"], answer["at"][:10]) == ("frontdesk", "2026-12-24")  # as it was sent
    at_noon = explained.json("--webhook", str(body), "--at", "2027-01-04 12:00")
    assert at_noon["at"].startswith("2027-01-04 12:00")


@pytest.mark.parametrize("option", ["--from", "--to", "--name", "--header"])
def test_what_a_saved_delivery_says_is_not_said_again(explained: Explained, option: str) -> None:
    assert explained.say("--webhook", "delivery.json", option, "X-A=b", code=2) == (
        f"error: {option}: stands beside --webhook, whose file says it; leave one out\n"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is no delivery (not_json)"),
        ('{"type": "response.completed"}', "is a response.completed event"),
        (None, "cannot be read (No such file or directory)"),
    ],
)
def test_a_file_that_is_no_delivery_is_told(
    explained: Explained, content: str | None, message: str
) -> None:
    body = explained.folder / "delivery.json"
    if content is not None:
        body.write_text(content)

    told = explained.say("--webhook", str(body), code=2)
    assert f"error: {body}: {message}; must be the body of a realtime.call.incoming" in told


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        ("2026-12-24 18:05", "Thursday, 18:05"),
        ("2026-12-24T23:05+00:00", "Thursday, 18:05"),
        ("2026-07-01", "Wednesday, 00:00"),
    ],
)
def test_the_time_is_that_of_the_house_unless_it_names_an_offset(
    explained: Explained, at: str, shown: str
) -> None:
    assert shown in explained.json("--to", "+12025550100", "--at", at)["instructions"]


def test_a_time_that_is_none_is_told(explained: Explained) -> None:
    assert explained.say("--at", "tomorrow", code=2) == (
        "error: --at: found 'tomorrow'; must be like \"2026-12-24 18:05\"\n"
    )


@pytest.mark.parametrize("header", ["X-Tenant", "=acme"])
def test_a_header_that_is_none_is_told(header: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--header", header]) == 2

    assert "must be NAME=VALUE, such as X-Tenant=acme" in capsys.readouterr().err


def test_the_example_needs_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--config", str(EXAMPLE), "--to", "+12025550102"]) == 0
    assert "\nanswered by nightdesk\n" in capsys.readouterr().out


def test_rules_that_were_tried_are_told_in_their_order() -> None:
    answer: dict[str, Any] = {
        "called_number": None,
        "caller_trust": "trunk",
        "caller_kind": "e164",
        "at": "2026-12-24 18:05 -0500, Thursday",
        "trunk_is_verified": True,
        "is_from_trunk": True,
        "line": "openai_sip",
        "calendars": {"office": "closed"},
        "tried": [
            {"rule": "blocked", "matches": False, "why": "does not hold: it is on the list"},
            {"rule": "closed", "matches": True, "why": "the office is closed"},
        ],
        "rule": "closed",
        "why": "the office is closed",
        "alarm": None,
        "decision": "accept",
        "agent": "nightdesk",
        "say": "We are closed.",
        "refer_to": "dentist",
        "limits": [],
        "disclosure": "You are recorded.",
        "greeting": "We are closed.",
        "instructions": "You answer.",
        "accept": {},
    }

    assert list(explain._lines(answer))[2:12] == [
        "time: 2026-12-24 18:05 -0500, Thursday",
        "trunk verified; the call carries its secret header; line openai_sip",
        "calendar office: closed",
        "rule blocked: no; does not hold: it is on the list",
        "rule closed: matches; the office is closed",
        "decided by closed: the office is closed",
        "answered by nightdesk",
        "first words: We are closed.",
        "then sent to: dentist",
        "disclosure: You are recorded.",
    ]


def test_first_words_that_a_decision_brings_are_those_of_the_call(explained: Explained) -> None:
    _, generation = load_all(explained.folder / "controller.toml", environ={}, with_secrets=False)
    offered = CallOffered("evt_1", 0, "rtc_1", ())
    incoming = read_incoming(offered, webhook_id="wh_1", region="US")

    told = explain._told(Accept("frontdesk", say="We are closed."), incoming, generation, 0.0)

    assert told["greeting"] == "We are closed."


TRUNK = (
    '[calendars.office]\nhours = ["mon-fri 08:00-17:00"]\n'
    '[trunk]\nheader = { X-Secret = "${TRUNK_SECRET}" }\nverified_at = 2026-11-20\n'
)


@pytest.mark.parametrize(
    ("secret", "header", "is_from_trunk"),
    [
        (None, "X-Secret=${TRUNK_SECRET}", True),
        (None, "X-Secret=guessed", False),
        ("a long secret of the trunk", "X-Secret=${TRUNK_SECRET}", True),
        ("a long secret of the trunk", "X-Secret=a long secret of the trunk", True),
        ("a long secret of the trunk", "X-Other=1", False),
    ],
)
def test_the_trunks_secret_can_be_named_whether_it_is_set_or_not(
    explained: Explained,
    monkeypatch: pytest.MonkeyPatch,
    secret: str | None,
    header: str,
    *,
    is_from_trunk: bool,
) -> None:
    monkeypatch.delenv("TRUNK_SECRET", raising=False)
    if secret is not None:
        monkeypatch.setenv("TRUNK_SECRET", secret)
    explained.toml(TOML.format("{ reject = 404 }") + TRUNK)

    answer = explained.json("--to", "+12025550100", "--header", header, "--at", "2026-11-18 10:00")

    assert (answer["is_from_trunk"], answer["trunk_is_verified"]) == (is_from_trunk, True)
    assert answer["decision"] == ("accept" if is_from_trunk else "reject")
    assert answer["calendars"] == {"office": "open"}
    assert secret is None or secret not in json.dumps(answer)


def test_a_rule_may_refer_to_a_target_that_no_agent_has(explained: Explained) -> None:
    explained.toml(
        TOML.format("{ reject = 404 }")
        + '[[policy.rules]]\nname = "closed"\nwhen = {}\nagent = "frontdesk"\n'
        'say = "We are closed."\nrefer_to = "desk"\n'
        '[targets.desk]\nuri = "tel:+12025550123"\ndescription = "The desk"\n'
    )

    answer = explained.json("--to", "+12025550100")

    assert (answer["rule"], answer["refer_to"]) == ("closed", "desk")
    assert answer["greeting"] == "We are closed."
    assert "tools" not in answer["accept"]
