"""The guide to looking callers up, taken at its word: its blocks, in a service, with a call."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from standardwebhooks.webhooks import Webhook

from controller.simulator import DEFAULT_SECRET, Scenario
from controller.simulator.http_answers import HttpAnswer

if TYPE_CHECKING:
    from controller.simulator import SimulatedCall
    from tests.acceptance.conftest import House, Open

pytestmark = [pytest.mark.looptime, pytest.mark.no_cover]

GUIDE = Path(__file__).parents[2] / "docs/how-to/look-up.md"
SETTINGS = f"""
agents_dir = "agents"
tools_dir = "tools"

[policy]
default_agent = "frontdesk"

[http_tools]
signing_secret = "{DEFAULT_SECRET}"
allowed_private_hosts = ["127.0.0.1"]

[[numbers]]
number = "*"
agent = "frontdesk"

"""
NEWCOMERS = """+++
model = "gpt-realtime-2.1"
voice = "cedar"
disclosure = false
+++
You welcome people who call for the first time.
"""


def blocks(language: str) -> list[str]:
    pattern = rf"^```{language}\n(.*?)^```$"
    return re.findall(pattern, GUIDE.read_text(), flags=re.DOTALL | re.MULTILINE)


def write_house(folder: Path, settings: str) -> Path:
    """Write a configuration from the blocks of the guide."""
    (folder / "agents").mkdir(parents=True)
    (folder / "tools").mkdir()
    (folder / "agents/frontdesk.md").write_text(blocks("markdown")[0])
    (folder / "agents/newcomers.md").write_text(NEWCOMERS)
    (folder / "tools/crm.py").write_text(blocks("python")[0])
    (folder / "controller.toml").write_text(SETTINGS + settings)
    return folder


async def play(house: House, scenario: Scenario) -> str:
    call: SimulatedCall = await house.openai.place_call(scenario)
    await call.settled()
    assert call.accept_body is not None
    return str(call.accept_body["instructions"])


async def test_the_python_tool_of_the_guide_finds_a_customer_and_sends_others_to_newcomers(
    house: Open, tmp_path: Path
) -> None:
    opened = await house(source=write_house(tmp_path / "guide", blocks("toml")[0]))

    known = await play(opened, Scenario(caller="+12025550142", stays=5.0))
    unknown = await play(opened, Scenario(caller="+12025550150", stays=5.0))

    assert '"lookup.customer": "Ann Lee"' in known
    assert '"lookup.next_visit": "Friday at 10"' in known
    assert unknown.startswith("You welcome people who call for the first time.")


async def test_the_request_of_the_guide_is_signed_with_the_facts_of_the_call(
    house: Open, tmp_path: Path
) -> None:
    settings = blocks("toml")[1]
    settings = settings.replace("https://crm.example.net", "http://127.0.0.1:8090/http")
    settings = settings.replace(', headers = { Authorization = "Bearer ${CRM_TOKEN}" }', "")
    opened = await house(source=write_house(tmp_path / "guide", settings))

    answer = HttpAnswer(name="callers", body=blocks("json")[0].replace("newcomers", "nobody"))
    told = await play(opened, Scenario(caller="+12025550142", stays=5.0, http=(answer,)))

    assert '"lookup.customer": "Ann Lee"' in told
    (asked,) = (each for each in opened.openai.journal.entries if each.source == "http")
    assert asked.body["method"] == "GET"
    headers = asked.body["headers"]
    said, sent_at = headers["Controller-Call"], headers["webhook-timestamp"]
    # Signed again and compared: `verify` would ask for the time, and that of tests is virtual.
    signature = Webhook(DEFAULT_SECRET).sign(
        headers["webhook-id"], datetime.fromtimestamp(int(sent_at), UTC), said
    )
    assert signature in headers["webhook-signature"].split(" ")
    facts = json.loads(said)
    assert (facts["caller_shown"], facts["called_number"]) == ("+12025550142", "+12025550100")
    assert (facts["agent"], facts["tool_call_id"]) == ("frontdesk", "lookup")
