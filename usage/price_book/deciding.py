"""Deciding on a proposed price: agreed to, it is one more row of the book."""

from datetime import UTC, datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils import timezone

from catalog.models import Price
from usage.models import PriceProposal


class NotDecided(Exception):
    """The proposal cannot be decided on so; the message says why."""


@transaction.atomic
def approve(proposal_id: int, by: AbstractBaseUser) -> Price:
    """Add the price to the book; those that are there stay. Raises `NotDecided`."""
    row = _pending(proposal_id)
    valid_from = row.effective_from or _announced(row) or timezone.now()
    price = Price(
        model=row.model,
        component=row.component,
        min_input_tokens=row.min_input_tokens,
        per_million=row.per_million,
        per_unit=row.per_unit,
        valid_from=valid_from,
    )
    taken = Price.objects.filter(
        model=row.model,
        component=row.component,
        min_input_tokens=row.min_input_tokens,
        valid_from=valid_from,
    )
    if taken.exists():
        msg = "The book has a price from that moment; choose another moment."
        raise NotDecided(msg)
    price.full_clean()
    price.save()
    row.price, row.effective_from = price, valid_from
    _decide(row, PriceProposal.State.APPROVED, by)
    return price


@transaction.atomic
def reject(proposal_id: int, by: AbstractBaseUser) -> None:
    """Leave the book as it is. Raises `NotDecided`."""
    _decide(_pending(proposal_id), PriceProposal.State.REJECTED, by)


def _pending(proposal_id: int) -> PriceProposal:
    rows = PriceProposal.objects.select_for_update(of=("self",))
    row = rows.select_related("model__provider").filter(pk=proposal_id).first()
    if row is None or row.state != PriceProposal.State.PENDING:
        msg = "It was decided on already."
        raise NotDecided(msg)
    return row


def _announced(row: PriceProposal) -> datetime | None:
    if row.announced_for is None:
        return None
    day = row.announced_for
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _decide(row: PriceProposal, state: str, by: AbstractBaseUser) -> None:
    row.state, row.decided_at = state, timezone.now()
    row.decided_by_id = by.pk
    row.save()
