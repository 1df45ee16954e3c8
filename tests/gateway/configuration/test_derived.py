"""What is worked out of records is kept while it is asked for, and no longer."""

from unittest.mock import patch

from gateway.configuration import derived
from gateway.configuration.derived import Derived


def test_what_is_asked_for_is_kept() -> None:
    known: Derived[int, str] = Derived(100)
    known.put(1, "one")

    with patch.object(derived, "_TURN_S", -1.0):
        for number in range(2, 50):
            known.put(number, "other")
            assert known.get(1) == "one"


def test_what_is_not_asked_for_is_forgotten() -> None:
    known: Derived[int, str] = Derived(100)
    known.put(1, "one")

    with patch.object(derived, "_TURN_S", -1.0):
        known.put(2, "two")
        known.put(3, "three")

    assert known.get(1) is None
    assert (known.get(2), known.get(3)) == ("two", "three")


def test_within_a_turn_nothing_is_forgotten_but_for_want_of_room() -> None:
    known: Derived[int, str] = Derived(10)

    for number in range(1_000):
        known.put(number, str(number))
        assert len(known) <= 20

    assert known.get(999) == "999"
    assert known.get(0) is None
