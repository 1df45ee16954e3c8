import logging
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.usage.events import MOMENT, intent, settlement
from tests.usage.stored import statuses
from usage.ledger import Ledger, LedgerUnavailable, connection_parameters
from usage.models import TouchedHour, UsageEvent
from usage.records import EventRecord, encode
from usage.segments import QUARANTINE_NAME


def lines(*records: EventRecord) -> list[bytes]:
    return [b"S" + encode(record) for record in records]


def test_an_event_arrives_as_it_was_recorded(ledger: Ledger) -> None:
    record = settlement(
        end_user="Zoë \\ \t\n",
        tags=("a", "b"),
        other_usage={"image": 2},
        cost_usd=Decimal("0.000000123456"),
        price_ids=(4, 5),
        latency_ms=12.25,
        routing={"considered": 3},
        api_key_id=None,
    )

    ledger.write(lines(record))

    row = UsageEvent.objects.get()
    for name in EventRecord.__struct_fields__:
        expected = getattr(record, name)
        stored = getattr(row, name)
        if isinstance(stored, UUID):
            stored = str(stored)
        assert stored == (list(expected) if isinstance(expected, tuple) else expected)


def test_fields_left_out_of_a_line_have_their_defaults(ledger: Ledger) -> None:
    record = intent()

    ledger.write(lines(record))

    row = UsageEvent.objects.get()
    assert (row.status, row.estimated, row.attempt) == ("unsettled", True, 1)
    assert (row.tags, row.other_usage, row.routing) == ([], {}, {})
    assert row.cost_usd is None


def test_an_event_written_twice_is_there_once(ledger: Ledger) -> None:
    batch = lines(settlement(), settlement())

    counts = ledger.write(batch), ledger.write(batch), ledger.write(batch + batch)

    assert counts == (2, 0, 0)
    assert len(statuses()) == 2


def test_an_exact_event_replaces_the_estimate_once(ledger: Ledger) -> None:
    asked = intent(output_tokens=1000)

    ledger.write(lines(asked))
    ledger.write(lines(settlement(asked, output_tokens=12)))
    ledger.write(lines(settlement(asked, output_tokens=13)))
    ledger.write(lines(asked))

    row = UsageEvent.objects.get()
    assert (row.status, row.estimated, row.output_tokens) == ("ok", False, 12)


def test_an_estimate_and_its_exact_event_may_come_together(ledger: Ledger) -> None:
    asked = intent()

    ledger.write(lines(asked, settlement(asked)))

    assert statuses() == {asked.id: "ok"}


def test_every_hour_with_news_is_marked(ledger: Ledger) -> None:
    later = datetime(2026, 3, 14, 23, 59, 59, 999999, tzinfo=UTC)
    batch = lines(settlement(), settlement(), settlement(occurred_at=later))

    ledger.write(batch)
    ledger.write(batch)

    assert sorted(TouchedHour.objects.values_list("hour", flat=True)) == [
        MOMENT.replace(minute=0, second=0),
        later.replace(minute=0, second=0, microsecond=0),
    ]


@pytest.mark.parametrize(
    "flaw",
    [
        {"output_tokens": -1},
        {"cost_usd": Decimal(-1)},
        {"cost_usd": Decimal(10) ** 13},
        {"input_tokens": 2**63},
        {"model": "m" * 201},
        {"end_user": "nul\x00"},
    ],
)
def test_a_refused_record_is_set_aside_and_holds_up_no_other(
    ledger: Ledger, root: Path, caplog: pytest.LogCaptureFixture, flaw: dict[str, Any]
) -> None:
    good = [settlement() for _ in range(9)]
    bad = settlement(feature="very-private", **flaw)

    with caplog.at_level(logging.ERROR):
        count = ledger.write(lines(*good[:4], bad, *good[4:]))

    assert count == 9
    assert set(statuses()) == {record.id for record in good}
    assert (root / QUARANTINE_NAME).read_bytes() == lines(bad)[0] + b"\n"
    assert caplog.messages == ["usage events quarantined"]
    assert "very-private" not in str([vars(entry) for entry in caplog.records])


def test_a_line_that_is_no_json_is_set_aside(ledger: Ledger, root: Path) -> None:
    good = lines(settlement())
    torn = good[0][:-20]

    count = ledger.write([torn, *good])

    assert count == 1
    assert (root / QUARANTINE_NAME).read_bytes() == torn + b"\n"


def test_a_database_that_is_away_is_waited_for(root: Path) -> None:
    ledger = Ledger(root, lambda: {"host": "/nowhere"})

    with pytest.raises(LedgerUnavailable):
        ledger.write(lines(settlement()))

    assert not (root / QUARANTINE_NAME).exists()


@pytest.mark.django_db(transaction=True)
def test_a_read_only_database_is_waited_for(root: Path) -> None:
    """The old primary after a failover, and then the new one; S3."""
    options = ["-c default_transaction_read_only=on", ""]
    ledger = Ledger(
        root, lambda: {**connection_parameters(), "options": options.pop(0)}
    )
    batch = lines(settlement())

    with pytest.raises(LedgerUnavailable):
        ledger.write(batch)
    written = ledger.write(batch)

    # The connection was made anew, and only then.
    assert (written, options) == (1, [])
    assert not (root / QUARANTINE_NAME).exists()
    ledger.close()
