"""The tools of Acme Dental. A real practice would ask its own software instead of these tables."""

from __future__ import annotations

import hashlib
from enum import Enum
from typing import Annotated, Literal

from pydantic import Field

from controller.tools import CallContext, ToolError, tool

Day = Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


class Treatment(Enum):
    """What the practice does."""

    CHECKUP = "checkup"
    CLEANING = "cleaning"
    FILLING = "filling"


HOURS: dict[Day, str] = {
    "Monday": "8 am to 5 pm",
    "Tuesday": "8 am to 5 pm",
    "Wednesday": "8 am to 5 pm",
    "Thursday": "10 am to 7 pm",
    "Friday": "8 am to 2 pm",
}
"""As in [calendars.practice] of controller.toml; holidays are not in here."""
PRICES = {Treatment.CHECKUP: 90, Treatment.CLEANING: 130, Treatment.FILLING: 210}
FREE: dict[Day, tuple[str, ...]] = {
    "Monday": ("9:00", "15:30"),
    "Wednesday": ("11:00",),
    "Thursday": ("10:30", "17:00", "18:30"),
}

PATIENTS = frozenset({"+12025550142", "+12025550143"})
"""Numbers that patients have left."""

NOON = 12


@tool(idempotent=True)
def known_patient(*, context: CallContext) -> dict[str, object]:
    """Whether the caller's number belongs to a patient; asked before the call is answered.

    A number is a claim and proves nothing: this is good for a question less, and for no secret.
    """
    known = context.caller_shown in PATIENTS
    return {"facts": {"patient": "a patient left this number" if known else "not known"}}


@tool(idempotent=True)
async def opening_hours(day: Day) -> str:
    """Opening hours for a day of the week.

    Args:
        day: the weekday in English, e.g. "Monday".
    """
    hours = HOURS.get(day)
    return f"On {day} we are open from {hours}." if hours else f"On {day} we are closed."


@tool(idempotent=True)
def price_of_treatment(treatment: Treatment) -> dict[str, object]:
    """Price of a treatment, without insurance.

    Args:
        treatment: what the caller needs.
    """
    return {"treatment": treatment.value, "price": PRICES[treatment], "currency": "USD"}


@tool(idempotent=True)
async def free_appointments(day: Day, treatment: Treatment = Treatment.CHECKUP) -> list[str]:
    """Free appointments on a day of the coming week.

    Args:
        day: the weekday in English.
        treatment: what the appointment is for.
    """
    if day not in HOURS:
        raise ToolError(f"The practice is closed on {day}. Ask for another day.")
    times = FREE.get(day, ())
    if treatment is Treatment.FILLING:  # the dentist who does them comes in the afternoon
        return [time for time in times if int(time.partition(":")[0]) >= NOON]
    return list(times)


@tool(timeout=5)
async def book_appointment(
    day: Day,
    time: Annotated[str, Field(pattern=r"^[0-9]{1,2}:[0-9]{2}$")],
    treatment: Treatment,
    name: Annotated[str, Field(min_length=2, max_length=80)],
    *,
    context: CallContext,
) -> dict[str, str]:
    """Book an appointment that is free. Repeat the details to the caller and wait for a yes first.

    Args:
        day: the weekday in English.
        time: as it was offered, e.g. "9:00".
        treatment: what the appointment is for.
        name: the patient's name.
        context: the call; the model neither sees nor gives it.
    """
    if time not in FREE.get(day, ()):
        raise ToolError(f"{day} at {time} is not free. Look for free appointments again.")
    booking = f"{context.call_id} {day} {time} {treatment.value} {name}"
    code = hashlib.sha256(booking.encode()).hexdigest()[:6].upper()
    return {"day": day, "time": time, "confirmation_code": code}
