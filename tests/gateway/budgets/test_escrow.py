"""Several processes, in one event loop, with one budget."""

import asyncio
import random
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from gateway.budgets import escrow as module
from gateway.budgets import statements
from gateway.budgets.escrow import Escrow, EscrowUnavailable
from gateway.budgets.holdings import Holding
from gateway.configuration.budget_loading import read_budgets
from gateway.configuration.records import BudgetRecord
from tenants.models import Budget, Project
from tests.factories import ProjectFactory
from tests.gateway.live import wait_until
from tests.usage.events import settlement
from tests.usage.test_ledger import lines
from usage.ledger import Ledger
from usage.models import BudgetLease, BudgetWindow

CENT = 10_000_000


@pytest.fixture(autouse=True)
def _patient() -> Iterator[None]:
    """A busy machine is no reason to refuse."""
    with patch.object(module, "WAIT_SECONDS", 3.0):
        yield


@pytest.fixture
def project(transactional_db: None) -> Project:
    return ProjectFactory.create(slug="acorn")


@pytest.fixture
def record(project: Project) -> BudgetRecord:
    """A hard budget of one dollar."""
    Budget.objects.create(project=project, amount_usd=Decimal(1))
    return read_budgets({project.pk: project.organization_id})[project.pk][0]


@asynccontextmanager
async def processes(count: int) -> AsyncIterator[list[Escrow]]:
    escrows = [Escrow(f"{number:032x}") for number in range(count)]
    for each in escrows:
        each.start()
    try:
        yield escrows
    finally:
        for each in escrows:
            await each.stop(is_shipped=True)


async def escrow_is_open(escrow: Escrow, record: BudgetRecord) -> None:
    await escrow.wait_for(escrow.holdings.of(record, ""), 0, 0)


def held() -> int:
    return sum(BudgetLease.objects.values_list("amount_nano", flat=True))


def test_processes_together_reserve_no_more_than_there_is(
    record: BudgetRecord,
) -> None:
    async def ask(escrow: Escrow) -> int:
        amount = random.randint(CENT // 2, 2 * CENT)
        try:
            got = await escrow.wait_for(escrow.holdings.of(record, ""), amount, amount)
        except EscrowUnavailable:
            return 0
        return got or 0

    async def race() -> tuple[int, int]:
        async with processes(8) as escrows:
            for each in escrows:
                await escrow_is_open(each, record)
            asked = [ask(each) for each in escrows for _ in range(60)]
            got = sum(await asyncio.gather(*asked))
            reserved = sum(each.holdings.of(record, "").reserved for each in escrows)
            return got, reserved

    got, reserved = asyncio.run(race())

    assert got == reserved
    # What did not fit was less than the smallest request, for each process.
    assert 85 * CENT < got <= 100 * CENT
    assert held() == 0


def test_money_that_is_given_back_serves_those_who_wait(record: BudgetRecord) -> None:
    async def ask(escrow: Escrow) -> int:
        holding = escrow.holdings.of(record, "")
        got = await escrow.wait_for(holding, 60 * CENT, 60 * CENT)
        await asyncio.sleep(0.01)
        escrow.release(holding, got or 0)
        return got or 0

    async def race() -> list[int]:
        async with processes(1) as (escrow,):
            return await asyncio.gather(*(ask(escrow) for _ in range(4)))

    assert asyncio.run(race()) == [60 * CENT] * 4


def test_who_can_do_with_less_gets_what_is_left(record: BudgetRecord) -> None:
    async def ask() -> list[int | None]:
        async with processes(1) as (escrow,):
            holding = escrow.holdings.of(record, "")
            return [
                await escrow.wait_for(holding, CENT, 80 * CENT),
                await escrow.wait_for(holding, CENT, 80 * CENT),
                await escrow.wait_for(holding, CENT, 80 * CENT),
            ]

    assert asyncio.run(ask()) == [80 * CENT, 20 * CENT, None]


def test_what_is_booked_is_not_counted_twice(
    record: BudgetRecord, project: Project, ledger: Ledger
) -> None:
    event = settlement(
        cost_usd=Decimal("0.25"),
        project_id=project.pk,
        organization_id=project.organization_id,
        occurred_at=timezone.now(),
    )

    async def spend() -> Holding:
        async with processes(1) as (escrow,):
            ledger._on_booked = escrow.booked
            holding = escrow.holdings.of(record, "")
            got = await escrow.wait_for(holding, 30 * CENT, 30 * CENT)
            escrow.release(holding, got or 0, 25 * CENT)
            assert holding.pending == 25 * CENT
            await asyncio.to_thread(ledger.write, lines(event), escrow.worker)
            await asyncio.sleep(0.01)
            left: int = holding.pending
            assert left == 0
            assert await escrow._threads.read(held) == holding.lease
            return holding

    asyncio.run(spend())

    assert BudgetWindow.objects.get().spent_nano == 25 * CENT


def test_a_lease_that_others_have_by_now_is_given_up(record: BudgetRecord) -> None:
    async def outlive() -> tuple[int, int]:
        async with processes(1) as (escrow,):
            holding = escrow.holdings.of(record, "")
            await escrow.wait_for(holding, CENT, CENT)
            lease = holding.lease
            await escrow._threads.read(BudgetLease.objects.all().delete)
            await escrow._tend()
            return lease, holding.lease

    before, after = asyncio.run(outlive())

    # A sixteenth to spare, and then what is reserved alone.
    assert before > 5 * CENT
    assert after >= CENT
    assert held() == 0


def test_without_the_database_a_process_spends_what_it_holds_and_no_more(
    record: BudgetRecord,
) -> None:
    def away(*arguments: object) -> None:
        raise OperationalError("the server is gone")

    async def ask() -> tuple[int | None, bool]:
        async with processes(1) as (escrow,):
            holding = escrow.holdings.of(record, "")
            await escrow.wait_for(holding, CENT, CENT)
            with patch.object(statements, "take", away):
                got = holding.reserve(CENT, 0.0)
                with pytest.raises(EscrowUnavailable):
                    await escrow.wait_for(holding, 50 * CENT, 50 * CENT)
                # The next one is told at once.
                with pytest.raises(EscrowUnavailable):
                    await escrow.wait_for(holding, 50 * CENT, 50 * CENT)
            holding.trusted_until = 0.0
            return got, holding.reserve(CENT, 1.0)

    assert asyncio.run(ask()) == (True, False)


def test_a_row_that_many_are_after_is_waited_for(record: BudgetRecord) -> None:
    """PostgreSQL answers, and somebody holds the row for longer than one waits for it."""
    locked, over = threading.Event(), threading.Event()

    def hold_the_row(window: int) -> None:
        with transaction.atomic():
            BudgetWindow.objects.select_for_update().get(pk=window)
            locked.set()
            over.wait(5)
        connection.close()

    async def ask() -> int | None:
        async with processes(1) as (escrow,):
            holding = escrow.holdings.of(record, "")
            await escrow_is_open(escrow, record)
            thread = threading.Thread(target=hold_the_row, args=[holding.window])
            thread.start()
            await asyncio.to_thread(locked.wait, 5)
            asyncio.get_running_loop().call_later(0.4, over.set)
            try:
                return await escrow.wait_for(holding, 50 * CENT, 50 * CENT)
            finally:
                await asyncio.to_thread(thread.join)

    with patch.object(module, "WAIT_SECONDS", 0.1):
        assert asyncio.run(ask()) == 50 * CENT


def test_who_comes_while_money_is_taken_for_others_gets_some_too(
    record: BudgetRecord,
) -> None:
    """More than is to spare, and less than there is."""
    take = statements.take

    def take_slowly(*arguments: Any) -> Any:
        taken = take(*arguments)
        time.sleep(0.1)
        return taken

    async def ask() -> list[int | None]:
        async with processes(1) as (escrow,):
            holding = escrow.holdings.of(record, "")
            await escrow_is_open(escrow, record)
            first = asyncio.create_task(escrow.wait_for(holding, 20 * CENT, 20 * CENT))
            await asyncio.sleep(0.05)
            others = [escrow.wait_for(holding, 7 * CENT, 7 * CENT) for _ in range(10)]
            return await asyncio.gather(first, *others)

    with (
        patch.object(statements, "take", take_slowly),
        patch.object(module, "WAIT_SECONDS", 0.1),
    ):
        assert asyncio.run(ask()) == [20 * CENT, *[7 * CENT] * 10]


def test_money_that_cannot_be_had_in_time_is_no_money_that_is_spent(
    record: BudgetRecord,
) -> None:
    """PostgreSQL says that there is plenty, but does not hand it out."""
    over = threading.Event()

    def hang(*arguments: object) -> None:
        over.wait(5)

    async def ask() -> None:
        async with processes(1) as (escrow,):
            holding = escrow.holdings.of(record, "")
            await escrow_is_open(escrow, record)
            with patch.object(statements, "take", hang):
                waiting = asyncio.create_task(
                    escrow.wait_for(holding, 50 * CENT, 50 * CENT)
                )
                await asyncio.sleep(0.05)
                await escrow._tend()
                try:
                    with pytest.raises(EscrowUnavailable):
                        await waiting
                finally:
                    over.set()

    with (
        patch.object(module, "WAIT_SECONDS", 0.1),
        patch.object(module, "_BUSY_SECONDS", 0.2),
    ):
        asyncio.run(ask())


def test_a_database_that_has_hung_for_a_while_is_not_waited_for(
    record: BudgetRecord,
) -> None:
    over = threading.Event()

    def hang(*arguments: object) -> None:
        over.wait(5)

    async def ask() -> float:
        async with processes(1) as (escrow,):
            holding = escrow.holdings.of(record, "")
            await escrow_is_open(escrow, record)
            escrow._heard_at -= 60
            with patch.object(statements, "take", hang):
                began = time.monotonic()
                with pytest.raises(EscrowUnavailable):
                    await escrow.wait_for(holding, 50 * CENT, 50 * CENT)
                took = time.monotonic() - began
                over.set()
            return took

    with patch.object(module, "WAIT_SECONDS", 0.1):
        assert asyncio.run(ask()) < 1.5


def test_who_stops_waiting_holds_nothing(record: BudgetRecord) -> None:
    async def ask() -> int:
        async with processes(2) as (first, second):
            await first.wait_for(first.holdings.of(record, ""), 99 * CENT, 99 * CENT)
            holding = second.holdings.of(record, "")
            waiting = asyncio.create_task(
                second.wait_for(holding, 50 * CENT, 50 * CENT)
            )
            await asyncio.sleep(0.1)
            waiting.cancel()
            first.release(first.holdings.of(record, ""), 99 * CENT)
            await asyncio.gather(waiting, return_exceptions=True)
            await asyncio.sleep(0.1)
            return holding.reserved

    assert asyncio.run(ask()) == 0


def test_leases_of_the_dead_are_swept(record: BudgetRecord, ledger: Ledger) -> None:
    opened = statements.open_window(record.id, "")
    assert opened is not None
    statements.take(opened.window, "dead", 10 * CENT, 0)
    statements.take(opened.window, "alive", 10 * CENT, 0)
    expired = timezone.now()
    BudgetLease.objects.filter(worker="dead").update(expires_at=expired)

    assert ledger.sweep_leases() == 1

    assert list(BudgetLease.objects.values_list("worker", flat=True)) == ["alive"]


def test_a_period_that_is_over_is_followed_by_a_new_row(record: BudgetRecord) -> None:
    async def cross() -> bool:
        async with processes(1) as (escrow,):
            old = escrow.holdings.of(record, "")
            await escrow.wait_for(old, CENT, CENT)
            old.ends_at = 0.0
            new = escrow.holdings.of(record, "")
            escrow.release(old, CENT, CENT)
            return new is not old and new.pending == 0 and old.pending == CENT

    assert asyncio.run(cross())


def test_holdings_that_nobody_uses_are_forgotten(record: BudgetRecord) -> None:
    async def ask() -> tuple[int, int]:
        async with processes(1) as (escrow,):
            for number in range(30):
                holding = escrow.holdings.of(record, f"user-{number}")
                got = await escrow.wait_for(holding, CENT, CENT)
                escrow.release(holding, got or 0)
                holding.used_at -= 60
            before = len(escrow.holdings)
            await escrow._tend()
            await escrow._tend()
            return before, len(escrow.holdings)

    assert asyncio.run(ask()) == (30, 0)
    wait_until(lambda: held() == 0)
