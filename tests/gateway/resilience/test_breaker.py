"""When a target is given up for a while, and when it is tried again; U10, U19, U20."""

from gateway.resilience.breaker import (
    FAILURES_TO_OPEN,
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    Breaker,
)

NOW = 1000.0


def opened() -> Breaker:
    breaker = Breaker()
    for _ in range(FAILURES_TO_OPEN):
        breaker.note_failure(NOW, is_probe=False)
    return breaker


def test_some_failures_in_a_row_open_it() -> None:
    breaker = Breaker()

    told = [
        breaker.note_failure(NOW, is_probe=False) for _ in range(FAILURES_TO_OPEN + 1)
    ]

    assert told == [False] * (FAILURES_TO_OPEN - 1) + [True, False]
    assert breaker.state == "open"
    assert FIRST_PAUSE_S * 0.8 <= breaker.pause_left(NOW) <= FIRST_PAUSE_S


def test_an_answer_in_between_begins_the_count_anew() -> None:
    breaker = Breaker()

    for _ in range(3):
        for _ in range(FAILURES_TO_OPEN - 1):
            breaker.note_failure(NOW, is_probe=False)
        breaker.note_success(is_probe=False)

    assert breaker.state == "closed"
    assert breaker.pause_left(NOW) == 0


def test_half_of_many_answers_open_it_though_others_are_good() -> None:
    breaker = Breaker()

    for at in range(30):
        breaker.note_failure(NOW + at / 10, is_probe=False)
        breaker.note_success(is_probe=False)

    assert breaker.state == "open"


def test_failures_that_are_few_or_long_ago_do_not_open_it() -> None:
    breaker = Breaker()

    for at in range(100):
        breaker.note_failure(NOW + at, is_probe=False)
        for _ in range(3):
            breaker.note_success(is_probe=False)

    assert breaker.state == "closed"


def test_one_probe_at_a_time_finds_out_and_closes_it() -> None:
    breaker = opened()
    later = NOW + FIRST_PAUSE_S

    assert breaker.pause_left(later) == 0
    breaker.begin_probe(later)
    assert breaker.state == "half_open"
    assert breaker.pause_left(later) > 0
    # What was under way when it opened says nothing.
    assert not breaker.note_success(is_probe=False)

    assert breaker.note_success(is_probe=True)
    assert not breaker.is_open


def test_the_pause_grows_with_each_probe_that_fails_but_not_past_its_bound() -> None:
    breaker = opened()
    now, pauses = NOW, []
    for _ in range(8):
        pauses.append(breaker.pause_left(now))
        now += pauses[-1]
        breaker.begin_probe(now)
        breaker.note_failure(now, is_probe=True)

    assert all(0.8 <= pauses[n] / 2**n <= 1.0 for n in range(4))
    assert all(0.8 * LONGEST_PAUSE_S <= p <= LONGEST_PAUSE_S for p in pauses[5:])


def test_a_probe_that_hangs_or_is_given_up_lets_another_one_go() -> None:
    hanging, left = opened(), opened()
    later = NOW + FIRST_PAUSE_S
    hanging.begin_probe(later)
    left.begin_probe(later)

    left.give_up_probe(later)

    assert left.pause_left(later) == 0
    assert 0 < hanging.pause_left(later + 1) < 10
    assert hanging.pause_left(later + 10) == 0
