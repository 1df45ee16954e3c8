"""What providers say about waiting, and what is made of it; U17, U18."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from gateway.resilience.cooldowns import guessed_wait, rooms_told, scarce_for, wait_of


@dataclass
class Headers:
    headers: dict[str, str] = field(default_factory=dict)

    def header(self, name: str) -> str | None:
        return self.headers.get(name)


@pytest.mark.parametrize(
    ("headers", "told_s", "wait"),
    [
        ({}, None, None),
        ({}, 3.0, 3.0),
        ({"retry-after": "7"}, 3.0, 7.0),
        ({"retry-after": "7", "retry-after-ms": "250"}, None, 0.25),
        ({"retry-after": "-5"}, None, 0.0),
        ({"retry-after": "1e9"}, None, 120.0),
        ({"retry-after": "inf"}, None, 120.0),
        ({"retry-after": "nan"}, None, None),
        ({"retry-after": "soon"}, None, None),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, None, 0.0),
        ({"retry-after": "Fri, 01 Jan 9999 00:00:00 GMT"}, None, 120.0),
    ],
)
def test_a_wait_is_read_and_made_sensible(
    headers: dict[str, str], told_s: float | None, wait: float | None
) -> None:
    assert wait_of(Headers(headers), told_s) == wait


def test_a_date_is_a_wait_from_now_on() -> None:
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)

    wait = wait_of(Headers({"retry-after": then}), None)

    assert wait is not None
    assert 28 < wait <= 30


def test_a_wait_that_nobody_tells_grows_up_to_a_bound() -> None:
    waits = [guessed_wait(n) for n in (0, 1, 2, 3, 50, 10**9)]

    assert waits == [1.0, 1.0, 2.0, 4.0, 60.0, 60.0]


@pytest.mark.parametrize(
    ("headers", "at_least", "at_most"),
    [
        ({"x-ratelimit-remaining-requests": "5"}, 0, 0),
        ({"x-ratelimit-remaining-requests": "-1"}, 0, 0),
        ({"x-ratelimit-remaining-requests": "many"}, 0, 0),
        ({"x-ratelimit-remaining-requests": "0"}, 10, 10),
        (
            {
                "x-ratelimit-remaining-requests": "1",
                "x-ratelimit-reset-requests": "12ms",
            },
            0.012,
            0.012,
        ),
        (
            {
                "x-ratelimit-remaining-tokens": "99",
                "x-ratelimit-reset-tokens": "0m30.5s",
            },
            30.5,
            30.5,
        ),
        (
            {
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "23h59m",
            },
            60,
            60,
        ),
        (
            {
                "anthropic-ratelimit-tokens-remaining": "0",
                "anthropic-ratelimit-tokens-reset": "2020-01-01T00:00:00Z",
            },
            0,
            0,
        ),
        (
            {
                "anthropic-ratelimit-tokens-remaining": "0",
                "anthropic-ratelimit-tokens-reset": "2100-01-01T00:00:00Z",
            },
            60,
            60,
        ),
        ({"x-ratelimit-remaining-req-minute": "0"}, 10, 10),
        (
            {
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "\x00" * 99,
            },
            10,
            10,
        ),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "3"}, 3, 3),
    ],
)
def test_a_limit_that_is_about_to_be_reached_is_noticed(
    headers: dict[str, str], at_least: float, at_most: float
) -> None:
    told = Headers(headers)

    wait = scarce_for(told, rooms_told(told), requests=1, tokens=100)

    assert at_least <= wait <= at_most
