"""Stand-ins for the outside world: a product feature, and what the tests run on.

`OpenAISimulator` plays OpenAI's Realtime SIP side over real HTTP and WebSockets, with scripted
callers and a scripted model. It shares nothing with the service but the error tree, so that a
mistake about the wire cannot hide on both sides. `docs/reference/scenarios.md` describes scenario
files.
"""

from __future__ import annotations

from controller.simulator.call import SimulatedCall
from controller.simulator.ending import EndedBy, Ending, Phase
from controller.simulator.faults import Fault, plan
from controller.simulator.forgeries import EXPECTED_STATUS, Forgery
from controller.simulator.journal import Entry, Journal, Source
from controller.simulator.model import Rule, ToolCall
from controller.simulator.operating import OperatorStep, operate
from controller.simulator.scenario import FOREVER, Scenario, load, parse
from controller.simulator.server import DEFAULT_API_KEY, DEFAULT_SECRET, OpenAISimulator
from controller.simulator.switches import INSTANT, Pace, Switches
from controller.simulator.webhooks import Kind

__all__ = [
    "DEFAULT_API_KEY",
    "DEFAULT_SECRET",
    "EXPECTED_STATUS",
    "FOREVER",
    "INSTANT",
    "EndedBy",
    "Ending",
    "Entry",
    "Fault",
    "Forgery",
    "Journal",
    "Kind",
    "OpenAISimulator",
    "OperatorStep",
    "Pace",
    "Phase",
    "Rule",
    "Scenario",
    "SimulatedCall",
    "Source",
    "Switches",
    "ToolCall",
    "load",
    "operate",
    "parse",
    "plan",
]
