"""Tools of the acceptance scenarios: quick ones, slow ones, and one that fails."""

from __future__ import annotations

import asyncio

from controller.tools import ToolError, tool


@tool
async def opening_hours(day: str) -> str:
    """Opening hours for a day of the week.

    Args:
        day: the weekday in English, e.g. "Monday".
    """
    return "closed" if day == "Sunday" else "from 8 to 18"


@tool
async def price_of_treatment(treatment: str) -> str:
    """What a treatment costs.

    Args:
        treatment: its name.
    """
    return f"{treatment} costs 120 dollars"


@tool
async def free_slots() -> list[str]:
    """Find the next free slots; takes seven seconds and a half, as the old system does."""
    await asyncio.sleep(7.5)
    return ["Monday at 10", "Tuesday at 14"]


@tool
async def patient_file(name: str) -> str:
    """Look a patient up.

    Args:
        name: first and last name.
    """
    if " " not in name:
        raise ToolError("Two patients have this name.", code="ambiguous")
    return f"{name} is due for a check"


@tool(timeout=5)
async def ask_laboratory() -> str:
    """Ask the laboratory, which does not answer."""
    await asyncio.sleep(600)
    return "never said"


@tool
async def open_invoices() -> str:
    """Tell which invoices are open."""
    return "one invoice of 80 dollars"
