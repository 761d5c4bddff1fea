"""A folder with three agents and a target, and what its `controller.toml` decides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from controller.config import Generation
from controller.errors import ConfigurationError
from controller.sansio.policy import Accept, Decision, Ignore, Load, Reject, admit
from controller.sansio.webhook import CallOffered
from controller.settings import load_all

AGENT = '+++\nmodel = "gpt-realtime-2.1"\nvoice = "marin"\ndisclosure = false\n+++\nYou answer.\n'
BASE = (
    '[[numbers]]\nnumber = "+12025550100"\nagent = "frontdesk"\n'
    '[[numbers]]\nnumber = "+12025550101"\nagent = "frontdesk"\n'
    '[targets.reception]\nuri = "sip:+12025550123@trunk.example.net"\ndescription = "The desk"\n'
)
POLICY = (
    '[policy]\ndefault_agent = "frontdesk"\ntime_zone = "America/New_York"\n'
    "default_limits = false\n"
)
NEW_YORK = ZoneInfo("America/New_York")
CALLED = "+12025550100"
CALLER = "+12025550142"


@dataclass
class House:
    """The folder, and what is loaded from it."""

    folder: Path

    def write(self, toml: str, *, policy: str = POLICY) -> Path:
        path = self.folder / "controller.toml"
        path.write_text(policy + toml + BASE)
        return path

    def load(self, toml: str, *, policy: str = POLICY, **environ: str) -> Generation:
        self.write(toml, policy=policy)
        return self.reload(**environ)

    def reload(self, **environ: str) -> Generation:
        path = self.folder / "controller.toml"
        return load_all(path, environ=environ, with_secrets=False)[1]

    def problems(self, toml: str, *, policy: str = POLICY, **environ: str) -> list[str]:
        path = self.write(toml, policy=policy)
        with pytest.raises(ConfigurationError) as caught:
            load_all(path, environ=environ, with_secrets=False)
        return [str(each).replace(f"{self.folder}/", "") for each in caught.value.problems]

    def warnings(self, toml: str, *, policy: str = POLICY, **environ: str) -> list[str]:
        found = self.load(toml, policy=policy, **environ).warnings
        return [each.replace(f"{self.folder}/", "") for each in found]


def build(folder: Path) -> House:
    (folder / "agents").mkdir()
    for name in ("frontdesk", "nightdesk", "overflow"):
        (folder / "agents" / f"{name}.md").write_text(AGENT)
    return House(folder)


def instant(text: str, zone: ZoneInfo = NEW_YORK) -> float:
    """Return Unix seconds of `2026-11-18 10:00`, with an offset or on the clock of a zone."""
    read = datetime.fromisoformat(text)
    return (read if read.tzinfo else read.replace(tzinfo=zone)).timestamp()


def decide(
    generation: Generation,
    *headers: tuple[str, str],
    called: str | None = CALLED,
    caller: str | None = CALLER,
    at: str = "2026-11-18 10:00",
    **rest: Any,
) -> Decision:
    """Return what becomes of a call, read as it comes."""
    given = [*headers]
    given += [] if called is None else [("Diversion", f"<sip:{called}@trunk.example.net>")]
    if not any(name.lower() == "from" for name, _ in headers):
        given.append(("From", f"<sip:{caller or 'bob'}@trunk.example.net>"))
    offered = CallOffered("evt_1", 1, "rtc_1", tuple(given), **rest.pop("offered", {}))
    incoming = generation.trunk.read(offered, webhook_id="wh_1")
    load = Load(**{"live_calls": 0, "admitting": True} | rest)
    return admit(incoming, generation.rules, load, instant(at))


def word(decision: Decision) -> str:
    """Return a decision in a word: `403`, `ignored`, `nightdesk`, `nightdesk, then reception`."""
    match decision:
        case Reject(code):
            return str(code)
        case Ignore():
            return "ignored"
        case Accept(agent, refer_to=None):
            return agent
        case Accept(agent, refer_to=target):
            return f"{agent}, then {target}"
