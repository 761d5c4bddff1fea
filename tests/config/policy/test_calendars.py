"""`[calendars]`: from TOML to whether somebody is there, on days of all kinds."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.config.policy.calendars import day_of
from controller.sansio.hours import Calendar
from tests.config.policy.house import NEW_YORK, POLICY, House, decide, instant, word

PRACTICE = (
    '[calendars.practice]\nhours = ["mon-thu 08:00-17:00", "fri 08:00-13:00", "sat 22:00-02:00"]\n'
    'closed = ["2026-11-26", "12-25", "02-29"]\n'
    'days = { "12-24" = ["08:00-12:00"], "2026-12-31" = ["20:00-04:00"], "2027-12-25" = [] }\n'
    "overrides = [\n"
    "  { open = false, from = 2026-11-24T08:00:00, until = 2026-11-24T14:00:00 },\n"
    "  { open = true, from = 2026-11-24T12:00:00, until = 2026-11-24T13:00:00 },\n"
    "]\n"
)
NIGHT = '[calendars.night]\nhours = ["sun 01:30-03:30"]\n'
"""Over the hours at which New York changes its clocks: 8 March and 1 November 2026."""


@pytest.fixture
def practice(house: House) -> Calendar:
    return house.load(PRACTICE).calendars["practice"]


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-11-18 07:59", False),
        ("2026-11-18 08:00", True),
        ("2026-11-18 16:59", True),
        ("2026-11-18 17:00", False),
        ("2026-11-20 13:00", False),  # Friday
        ("2026-11-21 12:00", False),  # Saturday
        ("2026-11-21 22:00", True),
        ("2026-11-22 01:59", True),  # Sunday, of Saturday's night
        ("2026-11-22 02:00", False),
        ("2026-11-26 10:00", False),  # Thanksgiving, a Thursday
        ("2026-12-24 11:59", True),
        ("2026-12-24 12:00", False),
        ("2027-12-24 11:59", True),  # every year
        ("2026-12-25 10:00", False),
        ("2026-12-31 10:00", False),  # a Thursday, with other times
        ("2026-12-31 20:00", True),
        ("2027-01-01 03:59", True),
        ("2027-01-01 10:00", True),  # a Friday like others
        ("2028-02-29 10:00", False),  # a leap day, a Tuesday
        ("2027-03-01 10:00", True),
        ("2026-11-24 07:59", False),
        ("2026-11-24 08:00", False),  # closed until 14:00
        ("2026-11-24 12:30", True),  # the last that holds
        ("2026-11-24 13:00", False),
        ("2026-11-24 14:00", True),
    ],
)
def test_somebody_is_there_or_not(practice: Calendar, at: str, *, is_open: bool) -> None:
    assert practice.is_open(instant(at)) is is_open


@pytest.mark.parametrize(
    ("utc", "is_open"),
    [
        ("2026-03-08 06:29", False),  # 01:29
        ("2026-03-08 06:30", True),  # 01:30
        ("2026-03-08 07:00", True),  # 03:00: the clock jumps over the third hour
        ("2026-03-08 07:30", False),  # 03:30
        ("2026-11-01 05:29", False),  # 01:29, the first time
        ("2026-11-01 05:30", True),  # 01:30, the first time
        ("2026-11-01 06:29", True),  # 01:29, the second time
        ("2026-11-01 08:29", True),  # 03:29
        ("2026-11-01 08:30", False),  # 03:30
    ],
)
def test_hours_are_those_of_the_clock_on_the_wall_when_it_changes(
    house: House, utc: str, *, is_open: bool
) -> None:
    now = datetime.fromisoformat(utc).replace(tzinfo=UTC).timestamp()

    assert house.load(NIGHT).calendars["night"].is_open(now) is is_open


@pytest.mark.parametrize(
    ("override", "at", "is_open"),
    [
        ("{ open = true, until = 2026-03-08T02:30:00 }", "2026-03-08T07:29:00+00:00", True),
        ("{ open = true, until = 2026-03-08T02:30:00 }", "2026-03-08T07:30:00+00:00", False),
        ("{ open = true, until = 2026-11-01T01:30:00 }", "2026-11-01T05:29:00+00:00", True),
        ("{ open = true, until = 2026-11-01T01:30:00 }", "2026-11-01T05:30:00+00:00", False),
        ("{ open = true, until = 2026-11-18T15:00:00Z }", "2026-11-18T14:59:00+00:00", True),
        ("{ open = true, until = 2026-11-18T15:00:00Z }", "2026-11-18T15:00:00+00:00", False),
        ('{ open = true, until = "2026-11-18T15:00" }', "2026-11-18T14:59:00-05:00", True),
        ("{ open = true, until = 2026-11-18T15:00:00 }", "2000-01-01T00:00:00-05:00", True),
    ],
)
def test_an_override_is_on_the_calendars_clock_unless_it_names_an_offset(
    house: House, override: str, at: str, *, is_open: bool
) -> None:
    toml = f"[calendars.never]\nhours = []\noverrides = [{override}]\n"

    assert house.load(toml).calendars["never"].is_open(instant(at)) is is_open


def test_a_calendar_may_be_in_a_zone_of_its_own(house: House) -> None:
    berlin = NIGHT.replace("night", "berlin") + 'time_zone = "Europe/Berlin"\n'

    calendars = house.load(NIGHT + berlin).calendars

    assert calendars["night"].hours.zone == NEW_YORK
    assert calendars["berlin"].hours.zone == ZoneInfo("Europe/Berlin")


def test_after_hours_the_call_goes_to_somebody_else(house: House) -> None:
    rule = (
        '[[policy.rules]]\nname = "after_hours"\nwhen = { closed = "practice" }\n'
        'agent = "nightdesk"\nsay = "We are closed."\nrefer_to = "reception"\n'
    )

    found = house.load(rule + PRACTICE)

    assert word(decide(found, at="2026-11-18 10:00")) == "frontdesk"
    night = decide(found, at="2026-11-18 17:00")
    assert word(night) == "nightdesk, then reception"
    assert night.why == "it is outside the hours practice"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("hours = []\nclosed = [2026-12-25]", None),  # a date of TOML's own
        ("hours = []\ndays = { 2026-12-25 = [] }", None),
        ("closed = []", "calendars.a.hours: is missing; must be given: the hours of the week"),
        ('hours = ["mon 8-17"]', "calendars.a.hours[0]: found 'mon 8-17'; must be like \"mon-fri"),
        ('hours = ["mon 08:00-08:00"]', "calendars.a.hours[0]: found 'mon 08:00-08:00'; must be"),
        (
            'hours = []\nclosed = ["2026-02-29"]',
            "calendars.a.closed[0]: found '2026-02-29'; must be a day like",
        ),
        ("hours = []\nclosed = [1225]", "calendars.a.closed[0]: found 1225; must be text in"),
        ('hours = []\nclosed = ["25.12."]', "calendars.a.closed[0]: found '25.12.'; must be a day"),
        (
            'hours = []\nclosed = ["12-25", "12-25"]',
            "calendars.a.closed[1]: 12-25 is listed twice; once will do",
        ),
        (
            'hours = []\nclosed = ["12-24"]\ndays = { "12-24" = ["08:00-12:00"] }',
            "calendars.a.days.12-24: is in closed too; leave it out there",
        ),
        (
            'hours = []\ndays = { "12-24" = ["mon 08:00-12:00"] }',
            "calendars.a.days.12-24[0]: found 'mon 08:00-12:00'; must be like \"08:00-12:00\"",
        ),
        (
            'hours = []\ndays = { "12-24" = ["25:00-12:00"] }',
            "calendars.a.days.12-24[0]: found '25:00-12:00'; must be like \"08:00-12:00\"",
        ),
        (
            'hours = []\ndays = { "xmas" = [] }',
            "calendars.a.days.xmas: found 'xmas'; must be",
        ),
        ('hours = []\ntime_zone = "EST5"', "calendars.a.time_zone: found 'EST5'; must be a time"),
        (
            "hours = []\noverrides = [{ open = true }]",
            "calendars.a.overrides[0].until: is missing; must be given: until when",
        ),
        (
            "hours = []\noverrides = [{ open = true, until = 2026-11-24 }]",
            "calendars.a.overrides[0].until: found 2026-11-24; must be a time",
        ),
        (
            'hours = []\noverrides = [{ open = true, until = "soon" }]',
            "calendars.a.overrides[0].until: found 'soon'; must be a time like 2026-11-24T14:00:00",
        ),
        (
            "hours = []\noverrides = [{ open = true, until = 1926-11-24T00:00:00 }]",
            "calendars.a.overrides[0].until: found ",
        ),
        (
            "hours = []\noverrides = [{ open = true, from = 1, until = 2026-11-24T14:00:00 }]",
            "calendars.a.overrides[0].from: found 1; must be a time",
        ),
        (
            "hours = []\noverrides = [{ open = true, form = 1, until = 2026-11-24T14:00:00 }]",
            'calendars.a.overrides[0].form: unknown key; did you mean "from"?',
        ),
    ],
)
def test_what_is_no_calendar_is_told(house: House, keys: str, message: str | None) -> None:
    toml = f"[calendars.a]\n{keys}\n"
    if message is None:
        assert "a" in house.load(toml).calendars
        return

    (problem,) = house.problems(toml)

    assert problem.partition(": ")[2].startswith(message)
    line = int(problem.split(":")[1])
    last = message.split(":")[0].rpartition(".")[2].partition("[")[0]
    text = (house.folder / "controller.toml").read_text().split("\n")[line - 1]
    assert last in text or "is missing" in problem


def test_an_override_ends_after_it_begins(house: House) -> None:
    times = "from = 2026-11-24T14:00:00, until = 2026-11-24T14:00:00"
    toml = f"[calendars.a]\nhours = []\noverrides = [{{ open = true, {times} }}]\n"

    assert house.problems(toml) == [
        "controller.toml:7: calendars.a.overrides[0].until: is not after from; must be a later time"
    ]


def test_a_calendar_needs_a_zone(house: House) -> None:
    policy = POLICY.replace('time_zone = "America/New_York"\n', "")

    (problem,) = house.problems(NIGHT, policy=policy)

    assert problem == (
        "controller.toml:4: calendars.night: has no time zone; give time_zone here or in [policy]"
    )


def test_a_calendar_has_a_name_that_others_can_write(house: House) -> None:
    (problem,) = house.problems(NIGHT.replace("night", '"a b"'))

    assert problem.startswith('controller.toml:5: calendars."a b": cannot be a name')


def test_a_wrong_calendar_is_not_blamed_on_the_rules_that_name_it(house: House) -> None:
    rule = '[[policy.rules]]\nname = "open"\nwhen = { open = "night" }\nreject = 603\n'

    (problem,) = house.problems(rule + NIGHT.replace("sun", "sund"))

    assert "calendars.night.hours[0]" in problem


@given(day=st.dates())
def test_every_day_of_the_calendar_can_be_written(day: datetime) -> None:
    assert day_of(day.strftime("%m-%d")) == (0, day.month, day.day)
    assert day_of(day.isoformat()) == (day.year, day.month, day.day)
