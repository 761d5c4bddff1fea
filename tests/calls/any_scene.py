"""The scene of `test_any_interleaving.py`: two agents with all that a call can need.

Beside the tools of its own each has every built-in tool, an MCP server that asks for approval, a
menu, a chain of targets, a price and a budget.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from controller.sansio.agent import (
    BUILT_IN,
    Budget,
    Colleague,
    Keypad,
    McpServer,
    MenuEntry,
    Target,
)
from controller.sansio.usage import PriceEntry, Prices
from controller.tools import tool
from tests.calls.house import FRONTDESK, TARGET

SCENARIO: Final = """
caller = [{ waits = 400 }]
stays = 400

[[mcp]]
label = "shop"
tools = { find_parcel = "It is in Boston.", refund = "Refunded." }

[[model]]
heard = "hours"
calls = { opening_hours = { day = "Monday" } }
[[model]]
heard = "both"
says = "Let me look."
calls = [{ opening_hours = { day = "Monday" } }, { look_slowly = { what = "files" } }]
[[model]]
heard = "slowly"
calls = { look_slowly = { what = "records" } }
[[model]]
heard = "reception"
says = "I will connect you."
calls = { transfer = { target = "reception" } }
[[model]]
heard = "digits"
calls = { collect_digits = { purpose = "your date of birth" } }
[[model]]
heard = "moment"
calls = "wait_for_caller"
[[model]]
heard = "message"
calls = { take_message = { name = "Doe", number = "+12025550199", reason = "-", urgency = "low" } }
[[model]]
heard = "invoice"
calls = { handoff = { agent = "billing" } }
[[model]]
heard = "teeth"
says = "My colleague knows."
calls = [{ handoff = { agent = "frontdesk" } }, { look_slowly = { what = "teeth" } }]
[[model]]
heard = "parcel"
calls = "find_parcel"
[[model]]
heard = "money back"
calls = [{ opening_hours = { day = "Friday" } }, "refund"]
[[model]]
heard = "goodbye"
says = "Goodbye!"
calls = "hang_up"
"""

PRICES: Final = PriceEntry(
    "gpt-realtime-2.1", 0.0, Prices(input_audio=32.0, output_audio=64.0, output_text=24.0)
)
MENU: Final = (
    MenuEntry("0", "transfer", "reception"),
    MenuEntry("6", "hang_up"),
    MenuEntry("7", "say", "Say when we are open."),
    MenuEntry("8", "handoff", "billing"),
    MenuEntry("9", "repeat"),
)
SHOP: Final = McpServer(
    "shop",
    "https://shop.example.net/mcp",
    require_approval="always",
    approved_tools=("find_parcel",),
)
BILLING: Final = replace(
    FRONTDESK,
    name="billing",
    description="Invoices",
    instructions="You answer questions about invoices.",
    greeting=None,
    built_in=BUILT_IN,
    colleagues=(Colleague("frontdesk", "Everything else"),),
)
TARGETS: Final = (
    Target("reception", TARGET, "The front desk", next=("nurse",)),
    Target("nurse", "sip:+12025550124@trunk.example.net", "The nurse on duty"),
)


def frontdesk(*, disclosure: str, fallback: str | None, usd: float) -> Mapping[str, Any]:
    """Return what the agent has beside what the house gives it."""
    return {
        "built_in": BUILT_IN,
        "disclosure": disclosure or False,
        "fallback": fallback,
        "targets": TARGETS,
        "colleagues": (Colleague("billing", "Invoices"),),
        "keypad": Keypad(menu=MENU),
        "mcp": (SHOP,),
        "budget": Budget(usd=usd),
        "max_duration": 300.0,
    }


@tool
async def opening_hours(day: str) -> str:
    """Say when we are open."""
    return f"{day}: from 8 to 18"


@tool(timeout=20, speak_while_waiting=True)
async def look_slowly(what: str) -> str:
    """Look something up."""
    await asyncio.sleep(9)
    return what
