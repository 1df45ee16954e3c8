"""Comparing the price book with the installed genai-prices."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date
from decimal import Decimal
from importlib.metadata import version
from typing import Any

from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone

from catalog.bundle.values import plain
from catalog.data.refresh import SOURCES, refresh
from catalog.models import AIModel, Price, Provider
from usage.models import PriceProposal, Topic
from usage.models.price_book import amount_of
from usage.notifications.telling import News, tell

# Component, length of input from which it holds, announced day.
Place = tuple[int, str, int, date | None]
Amount = tuple[Any, Any]


@dataclass(frozen=True, slots=True)
class Compared:
    """How many models were compared, and what differs from before."""

    models: int
    new: int
    pending: int


@transaction.atomic
def compare_prices() -> Compared:
    """Bring the proposals that are pending up to date with the source.

    What was rejected is proposed again only when the source says something else.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('usage.price_book', 0))"
        )
    now = timezone.now()
    source = f"genai-prices {version('genai-prices')}"
    models = list(_models())
    found = dict(_differences(models, now.date()))
    pending = {
        _place_of(row): row
        for row in PriceProposal.objects.select_for_update().filter(state="pending")
    }
    rejected = _last_rejected()
    fresh = []
    for place, row in found.items():
        known = pending.pop(place, None)
        if rejected.get(place) == _amount_of(row):
            if known is not None:
                known.delete()
            continue
        if known is not None and _amount_of(known) == _amount_of(row):
            continue
        if known is not None:
            known.delete()
        row.source, row.found_at = source, now
        fresh.append(row)
    # What the book says by now, or the source no longer does, is nothing to decide on.
    PriceProposal.objects.filter(pk__in=[row.pk for row in pending.values()]).delete()
    PriceProposal.objects.bulk_create(fresh)
    waiting = PriceProposal.objects.filter(state="pending").count()
    if fresh:
        news = News(
            topic=Topic.CATALOG.value,
            once=f"prices:{source}:{now:%Y-%m-%d}",
            title=f"{len(fresh)} prices differ from {source}",
            text="Approve or reject them; the price book stays as it is until then.",
            link=reverse("admin:usage_priceproposal_changelist"),
        )
        tell(news)
    return Compared(len(models), len(fresh), waiting)


def _models() -> Iterable[AIModel]:
    """Return the models of the catalog's providers, which the source may know."""
    providers = Provider.objects.filter(slug__in=SOURCES, project=None)
    return (
        AIModel.objects.filter(provider__in=providers, project=None)
        .select_related("provider")
        .prefetch_related("prices")
        .order_by("provider", "pk")
    )


def _differences(
    models: list[AIModel], today: date
) -> Iterator[tuple[Place, PriceProposal]]:
    by_provider: dict[str, list[AIModel]] = {}
    for model in models:
        by_provider.setdefault(model.provider.slug, []).append(model)
    for slug, rows in by_provider.items():
        items: list[dict[str, Any]] = [
            {"model_id": row.model_id, "prices": [_item(p) for p in row.prices.all()]}
            for row in rows
        ]
        counts = [len(item["prices"]) for item in items]
        refresh({"models": items}, SOURCES[slug], today)
        for row, item, count in zip(rows, items, counts, strict=True):
            for price in item["prices"][count:]:
                proposal = _proposal(row, price, today, item["prices"][:count])
                yield _place_of(proposal), proposal


def _item(price: Price) -> dict[str, Any]:
    item: dict[str, Any] = {
        "component": price.component,
        "valid_from": price.valid_from.astimezone(UTC).date(),
    }
    if price.min_input_tokens:
        item["min_input_tokens"] = price.min_input_tokens
    for name in ("per_million", "per_unit"):
        if (amount := getattr(price, name)) is not None:
            item[name] = plain(amount)
    return item


def _proposal(
    model: AIModel, price: dict[str, Any], today: date, known: list[dict[str, Any]]
) -> PriceProposal:
    place = price["component"], price.get("min_input_tokens", 0)
    same = [p for p in known if (p["component"], p.get("min_input_tokens", 0)) == place]
    before = max(same, key=lambda p: p["valid_from"], default=None)
    valid_from = price["valid_from"]
    return PriceProposal(
        model=model,
        component=price["component"],
        min_input_tokens=price.get("min_input_tokens", 0),
        per_million=_decimal(price.get("per_million")),
        per_unit=_decimal(price.get("per_unit")),
        announced_for=None if valid_from == today else valid_from,
        before="" if before is None else _shown(before),
    )


def _shown(item: dict[str, Any]) -> str:
    return amount_of(_decimal(item.get("per_million")), _decimal(item.get("per_unit")))


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _place_of(row: PriceProposal) -> Place:
    return row.model_id, row.component, row.min_input_tokens, row.announced_for


def _amount_of(row: PriceProposal) -> Amount:
    return row.per_million, row.per_unit


def _last_rejected() -> dict[Place, Amount]:
    """Return what was decided against last, where nothing was agreed to since."""
    decided = PriceProposal.objects.exclude(state="pending").order_by("decided_at")
    last = {_place_of(row): row for row in decided}
    return {
        place: _amount_of(row) for place, row in last.items() if row.state == "rejected"
    }
