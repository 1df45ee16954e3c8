"""Comparing what the simulator would bill with what PostgreSQL says."""

import json
from collections import Counter
from dataclasses import dataclass, field

from tests.durability.load import CANARY
from tests.durability.stand import Stand, until


@dataclass
class Bills:
    """The two sides, as far as they differ."""

    billable: int = 0
    events: int = 0
    lost: set[str] = field(default_factory=set)
    twice: set[str] = field(default_factory=set)
    billed_unsettled: int = 0
    # Events of attempts that the simulator never began to answer, by status.
    never_billed: Counter[str] = field(default_factory=Counter)
    most_never_billed_of_a_request: int = 0
    not_estimated: int = 0


def billable(stand: Stand) -> Counter[str]:
    """Return the attempts that the simulator began to answer."""
    lines = stand.ledger.read_text().splitlines()
    return Counter(str(json.loads(line)["id"]) for line in lines)


def compare(stand: Stand) -> Bills:
    upstream = billable(stand)
    assert all(count == 1 for count in upstream.values()), "an attempt id sent twice"
    rows = stand.sql(
        "SELECT id::text, status, estimated, request_id FROM usage_usageevent"
    )
    stored = Counter(row[0] for row in rows)
    never_billed = [row for row in rows if row[0] not in upstream]
    of_requests = Counter(row[3] for row in never_billed)
    unsettled = [row for row in rows if row[1] == "unsettled"]
    return Bills(
        billable=len(upstream),
        events=len(rows),
        lost=set(upstream) - set(stored),
        twice={each for each, count in stored.items() if count > 1},
        billed_unsettled=sum(row[0] in upstream for row in unsettled),
        never_billed=Counter(row[1] for row in never_billed),
        most_never_billed_of_a_request=max(of_requests.values(), default=0),
        not_estimated=sum(not row[2] for row in unsettled),
    )


def wait_until_stored(stand: Stand, *, at_most: float) -> float:
    """Wait until every billable attempt is an event; return how long that took."""
    wanted = set(billable(stand))

    def is_stored() -> bool:
        found = stand.sql("SELECT count(*) FROM usage_usageevent")[0][0]
        return found >= len(wanted) and not compare(stand).lost

    return until(is_stored, at_most=at_most, step=0.1)


def check_exact(stand: Stand) -> Bills:
    """Every billable attempt is one settled event, and nothing else is one."""
    bills = compare(stand)
    assert not bills.lost
    assert not bills.twice
    assert bills.events == bills.billable, bills
    assert bills.billed_unsettled == 0
    return bills


def check_nothing_left(
    stand: Stand, *, leases_within: float = 2.0, sockets_within: float | None = None
) -> None:
    """No request is running anywhere, and nothing was written that must not be.

    Call it when the load has ended. Connections to providers are kept for half a minute
    of idleness; `sockets_within` waits for their end, too.
    """
    until(lambda: stand.held_leases() == 0, at_most=leases_within)
    until(
        lambda: not any(call["outcome"] == "open" for call in stand.simulator.calls),
        at_most=5,
    )
    for web in stand.webs:
        until(lambda web=web: not web.client_connections(), at_most=5)  # type: ignore[misc]
        if sockets_within is not None:
            until(lambda web=web: not web.connections(), at_most=sockets_within)  # type: ignore[misc]
    check_canaries(stand)


def check_canaries(stand: Stand, *keys: str) -> None:
    """Neither a prompt nor a key's secret is in a log or in the spool."""
    written = stand.logs().encode() + stand.spooled()
    assert CANARY.encode() not in written
    for key in keys:
        assert key.encode() not in written
        assert key.split("_")[2].encode() not in written
    assert "Traceback" not in stand.logs()
