"""Two nodes with the same files agree on their generation, and every change of meaning shows."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from controller.config.fingerprint import Pieces, canonical
from controller.sansio.policy import NumberSet, Rules
from tests.config.policy.house import House, build

RULES = (
    '[[policy.rules]]\nname = "blocked"\nreject = 603\n'
    'when = { caller_list = "blocked", caller_country = ["RU", "JM"] }\n'
    '[[policy.limits]]\nname = "a"\nby = "caller"\nat_most = 2\n'
    '[lists.blocked]\nfile = "blocked.txt"\nnumbers = ["+12025550167", "+1900*"]\n'
    '[calendars.office]\nhours = ["mon-fri 08:00-17:00"]\nclosed = ["12-25"]\n'
    "overrides = [{ open = false, until = 2026-11-24T14:00:00 }]\n"
    '[policy.emergencies]\nrefer_to = "reception"\n'
    '[trunk]\nheader = { X-Secret = "${TRUNK}" }\nverified_at = 2026-11-20\n'
    '[values]\npractice = "Acme"\n'
)
LOAD = (
    "import sys\nfrom pathlib import Path\nfrom controller.settings import load_all\n"
    "print(load_all(Path(sys.argv[1]), environ={}, with_secrets=False)[1].hash)\n"
)


@pytest.fixture
def house(tmp_path: Path) -> House:
    (tmp_path / "blocked.txt").write_text("+12025550166\n+12025550165\n")
    return build(tmp_path)


def test_two_processes_agree_whatever_their_hash_seeds(house: House) -> None:
    path = house.write(RULES)

    found = {
        subprocess.run(
            [sys.executable, "-c", LOAD, str(path)],
            env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }  # fmt: skip

    assert found == {house.load(RULES).hash}


CHANGES = [
    ("reject = 603", "reject = 486", {"rules"}),
    ('"JM"', '"CU"', {"rules"}),
    ("at_most = 2", "at_most = 3", {"limits"}),
    ("default_limits = false", "default_limits = true", {"limits"}),
    ('"+1900*"', '"+1976*"', {"list blocked"}),
    ('"12-25"', '"12-26"', {"calendar office"}),
    ("T14:00:00", "T14:00:01", {"calendar office"}),
    ('refer_to = "reception"', 'refer_to = "reception"\nsay = "Wait."', {"emergencies"}),
    ("${TRUNK}", "${OTHER}", {"trunk"}),
    ("2026-11-20", "2026-11-21", {"trunk"}),
    ('"Acme"', '"Bcme"', {"values"}),
    ("+12025550123@", "+12025550124@", {"target reception"}),
    ("America/New_York", "America/Chicago", {"policy"}),
    ('"+12025550101"', '"+12025550102"', {"numbers"}),
]


@pytest.mark.parametrize(("old", "new", "pieces"), CHANGES)
def test_every_change_of_meaning_shows_in_its_piece(
    house: House, old: str, new: str, pieces: set[str]
) -> None:
    path = house.write(RULES)
    before = house.load(RULES)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))

    after = house.reload()

    assert after.hash != before.hash
    assert {
        name
        for name in before.pieces.keys() | after.pieces.keys()
        if before.pieces.get(name) != after.pieces.get(name)
    } == pieces


def test_a_change_of_a_file_shows_in_its_piece(house: House) -> None:
    before = house.load(RULES)
    with (house.folder / "blocked.txt").open("a") as file:
        file.write("+12025550164\n")
    with (house.folder / "agents" / "frontdesk.md").open("a") as file:
        file.write("Be kind.\n")

    after = house.load(RULES)

    changed = {name for name in after.pieces if after.pieces[name] != before.pieces[name]}
    assert changed == {"list blocked", "agent frontdesk"}


def test_what_changes_no_meaning_changes_no_hash(house: House) -> None:
    before = house.load(RULES)
    (house.folder / "blocked.txt").write_text("# spam\n+12025550165\n\n+12025550166\n")

    assert house.load(RULES + "# a comment\n").hash == before.hash


def test_a_secret_counts_by_its_name_only(house: House) -> None:
    one, two = house.load(RULES, TRUNK="one"), house.load(RULES, TRUNK="two")

    assert one.hash == two.hash
    assert one.pieces == two.pieces
    assert (one.secrets, two.secrets) == ({"TRUNK": "one"}, {"TRUNK": "two"})


# --- the canonical form --------------------------------------------------------------------------


@dataclass(frozen=True)
class Pair:
    one: Any
    two: Any = None


class Model(BaseModel):
    one: Any = None


VALUES = [
    None, True, 1, 1.5, "1", "a", SecretStr("x"), date(2026, 11, 24),
    datetime(2026, 11, 24, tzinfo=UTC), ZoneInfo("Europe/Berlin"), ZoneInfo("UTC"), [], ["a"],
    ["a", "b"], ["b", "a"], [["a"], "b"], {}, {"a": 1}, {"a": None}, {("a", 1): 2}, frozenset(),
    frozenset({"a"}), frozenset({"a", "b"}), Pair("a"), Pair("a", "b"), Pair("b", "a"), Model(),
    Model(one="a"), NumberSet.of(["+1202*"]), NumberSet.of(["+1202"]), Rules({}), Rules({"*": "a"}),
]  # fmt: skip


def test_different_values_have_different_forms() -> None:
    forms = [canonical(each) for each in VALUES]

    assert len(set(forms)) == len(VALUES)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (MappingProxyType({"a": 1}), {"a": 1}),
        (("a", "b"), ["a", "b"]),
        ({"a", "b"}, frozenset({"b", "a"})),
        (SecretStr("x"), SecretStr("y")),
        (Pair({1, 2}), Pair(frozenset({2, 1}))),
    ],
)
def test_equal_meanings_have_one_form(one: Any, two: Any) -> None:
    assert canonical(one) == canonical(two)


def test_what_has_no_form_is_refused() -> None:
    for value in (object(), Pair, b"bytes"):
        with pytest.raises(TypeError, match="has no canonical form"):
            canonical(value)


leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=4)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


def plain(value: Any) -> Any:
    """Return a value with True and 1 told apart, as JSON tells them."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return (type(value).__name__, value)


@given(values, values)
def test_the_form_is_the_same_exactly_for_the_same_value(one: Any, two: Any) -> None:
    assert (canonical(one) == canonical(two)) is (plain(one) == plain(two))


def shuffled() -> Iterator[list[tuple[str, bytes]]]:
    yield [("a", b"1"), ("b", b"2")]
    yield [("b", b"2"), ("a", b"1")]


def test_the_order_in_which_pieces_come_does_not_matter() -> None:
    hashes = set()
    for order in shuffled():
        pieces = Pieces()
        for name, content in order:
            pieces.add(name, content)
        hashes.add(pieces.hash())
        assert list(pieces.hashes()) == ["a", "b"]

    assert len(hashes) == 1


@pytest.mark.parametrize("other", [[("a", b"12")], [("a", b"1"), ("", b"2")], [("a1", b"2")]])
def test_no_two_contents_look_alike(other: list[tuple[str, bytes]]) -> None:
    hashes = set()
    for content in ([("a", b"1"), ("2", b"")], other):
        pieces = Pieces()
        for name, text in content:
            pieces.add(name, text)
        hashes.add(pieces.hash())

    assert len(hashes) == 2
