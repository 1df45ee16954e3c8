"""docs/reliability.md lists every case that is answered, with tests that there are."""

import re
from functools import cache

from config.embedded import CHECKOUT

# Providers, clients, state, money, known answers, operators, workflows, attacks.
CASES = {"U": 27, "C": 13, "S": 16, "M": 10, "K": 6, "O": 10, "W": 10, "A": 18}
NUMBERS = [
    f"{letter}{number}"
    for letter, count in CASES.items()
    for number in range(1, count + 1)
]
ROW = re.compile(r"^\| ([UCSMKOWA]\d+) \| (.+) \| (.*) \|$", re.MULTILINE)
TEST = re.compile(r"^(?:async )?def (test_\w+)\(", re.MULTILINE)
# Numbers stand at the end of a name: test_…_u1_u5.
BORNE = re.compile(r"(?:_[ucsmkowa]\d{1,2})+$")


@cache
def rows() -> dict[str, set[str]]:
    """Return the tests that each row names."""
    text = (CHECKOUT / "docs/reliability.md").read_text()
    found = ROW.findall(text)
    assert [number for number, _, _ in found] == NUMBERS
    return {number: set(re.findall(r"`(\w+)`", tests)) for number, _, tests in found}


def names_in(folder: str) -> set[str]:
    files = (CHECKOUT / folder).rglob("test_*.py")
    return {
        name.removeprefix("test_")
        for file in files
        for name in TEST.findall(file.read_text())
    }


def numbers_of(name: str) -> set[str]:
    borne = BORNE.search(name)
    return set(borne[0].strip("_").upper().split("_")) if borne else set()


def test_every_case_has_a_row_and_every_row_a_test() -> None:
    assert [number for number, tests in rows().items() if not tests] == []


def test_every_test_that_a_row_names_is_there() -> None:
    there = names_in("tests")

    assert {
        number: gone for number, named in rows().items() if (gone := named - there)
    } == {}


def test_every_test_that_bears_a_number_stands_in_its_row() -> None:
    missing = [
        (number, name)
        for name in sorted(names_in("tests"))
        for number in numbers_of(name)
        if number in rows() and name not in rows()[number]
    ]

    assert missing == []


def test_every_fault_bears_its_numbers() -> None:
    here = names_in("tests/faults") - names_here()

    assert [name for name in sorted(here) if not numbers_of(name) <= set(NUMBERS)] == []
    assert [name for name in sorted(here) if not numbers_of(name)] == []


def names_here() -> set[str]:
    file = CHECKOUT / "tests/faults/test_cases.py"
    return {name.removeprefix("test_") for name in TEST.findall(file.read_text())}
