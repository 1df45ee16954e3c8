"""What a notification says."""

import pytest

from gateway.configuration.listener import Change, parse_change


def test_a_notification_says_what_changed() -> None:
    assert parse_change('{"version": 7, "scope": "catalog", "projects": []}') == Change(
        7, catalog=True, projects=frozenset()
    )
    assert parse_change(
        '{"version": 8, "scope": "tenants", "projects": [1, 2]}'
    ) == Change(8, catalog=False, projects=frozenset({1, 2}))
    assert parse_change(
        '{"version": 9, "scope": "tenants", "projects": null}'
    ) == Change(9, catalog=True, projects=None)


@pytest.mark.parametrize("payload", ["", "7", "[]", "{}", '{"version": "x"}'])
def test_a_notification_that_makes_no_sense_is_no_change(payload: str) -> None:
    assert parse_change(payload) is None
