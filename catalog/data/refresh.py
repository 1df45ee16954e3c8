"""Brings the prices in this folder up to date: `python manage.py refresh_prices`.

Prices come from the genai-prices package. They are only ever added: where the amount
has changed, a price from today on (or from its own date) is written below the old one.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, StartDateConstraint, TieredPrices

from catalog.bundle.document import Document, dump_document, load_document
from catalog.bundle.values import plain

FOLDER = Path(__file__).parent
SOURCES = {
    "anthropic": "anthropic",
    "azure": "azure",
    "bedrock": "aws",
    "gemini": "google",
    "groq": "groq",
    "mistral": "mistral",
    "openai": "openai",
    "openrouter": "openrouter",
    "perplexity": "perplexity",
    "together": "together",
    "vertex": "google",
    "vertex-anthropic": "google",
    "xai": "x-ai",
}
# Usage before this day is not priced by the catalog.
FIRST_DAY = date(2026, 1, 1)

_PER_MILLION = {
    "input_mtok": "input",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write",
    "output_mtok": "output",
    "output_reasoning_mtok": "reasoning",
    "input_audio_mtok": "audio_in",
    "output_audio_mtok": "audio_out",
    "input_mchars": "character",
}
# Each with how many units the source asks its price for.
_PER_UNIT = {
    "web_searches_kcount": ("search", 1000),
    "requests_kcount": ("request", 1000),
    "audio_hours": ("second", 3600),
}
_SMALLEST = Decimal("0.000001")
_SMALLEST_UNIT = Decimal("0.000000000001")
_STAMP = "# Prices: "

Item = dict[str, Any]


def refresh_files(today: date) -> Iterator[tuple[str, int]]:
    """Add what is missing to each file; yield provider and number of prices added."""
    for slug, source in SOURCES.items():
        path = FOLDER / f"{slug}.yaml"
        text = path.read_text(encoding="utf-8")
        document = load_document(text)
        added = refresh(document, source, today)
        if added:
            path.write_text(_header(text, today) + dump_document(document), "utf-8")
        yield slug, added


def refresh(document: Document, source: str, today: date) -> int:
    """Add to each model the prices that it lacks; return how many."""
    provider = next(p for p in get_snapshot().providers if p.id == source)
    known = {model.id: model for model in provider.models}
    added = 0
    for item in document.get("models", []):
        if (found := known.get(item["model_id"])) is not None:
            prices = item.setdefault("prices", [])
            fresh = _missing(prices, list(_prices_of(found)), today)
            prices.extend(fresh)
            added += len(fresh)
    return added


def _missing(present: list[Item], offered: list[Item], today: date) -> list[Item]:
    """Return the offered prices that say something that the present ones do not."""
    missing: list[Item] = []
    for price in offered:
        # A price that is announced for later does not count before its day.
        day = max(price["valid_from"], today)
        last = _last_at(day, [*present, *missing], _place(price))
        if last is not None and price["valid_from"] <= last["valid_from"]:
            is_in_force = price is _last_at(today, offered, _place(price))
            if not is_in_force or _amount(price) == _amount(last):
                continue
            price = {**price, "valid_from": today}
        elif last is not None and _amount(price) == _amount(last):
            continue
        missing.append(price)
    return missing


def _last_at(day: date, prices: list[Item], place: tuple[str, int]) -> Item | None:
    """Return the price of a place that is in force on a day; None before the first."""
    started = [p for p in prices if _place(p) == place and p["valid_from"] <= day]
    return max(started, key=lambda p: p["valid_from"], default=None)


def _place(price: Item) -> tuple[str, int]:
    return price["component"], price.get("min_input_tokens", 0)


def _amount(price: Item) -> tuple[Any, Any]:
    return price.get("per_million"), price.get("per_unit")


def _prices_of(model: ModelInfo) -> Iterator[Item]:
    """Yield the prices of a model, oldest first, without those before the first day."""
    if isinstance(model.prices, ModelPrice):
        yield from _entries(model.prices, FIRST_DAY)
        return
    dated = [
        (c.constraint.start_date if c.constraint else date.min, c.prices)
        for c in model.prices
        if c.constraint is None or isinstance(c.constraint, StartDateConstraint)
    ]
    started = [pair for pair in dated if pair[0] <= FIRST_DAY][-1:]
    for start, prices in started + [pair for pair in dated if pair[0] > FIRST_DAY]:
        yield from _entries(prices, max(start, FIRST_DAY))


def _entries(prices: ModelPrice, valid_from: date) -> Iterator[Item]:
    for name, component in _PER_MILLION.items():
        amount = getattr(prices, name, None)
        if isinstance(amount, TieredPrices):
            yield _entry(component, amount.base, valid_from)
            for tier in amount.tiers:
                yield _entry(component, tier.price, valid_from, above=tier.start)
        elif amount is not None:
            yield _entry(component, amount, valid_from)
    for name, (component, units) in _PER_UNIT.items():
        amount = getattr(prices, name, None)
        if isinstance(amount, Decimal):
            each = plain((amount / units).quantize(_SMALLEST_UNIT))
            yield {"component": component, "per_unit": each, "valid_from": valid_from}


def _entry(component: str, amount: Decimal, valid_from: date, above: int = 0) -> Item:
    tier = {"min_input_tokens": above} if above else {}
    rounded = (
        amount if amount == amount.quantize(_SMALLEST) else amount.quantize(_SMALLEST)
    )
    return {
        "component": component,
        **tier,
        "per_million": plain(rounded),
        "valid_from": valid_from,
    }


def _header(text: str, today: date) -> str:
    """Return the comment at the top of the file, with a new line on the prices."""
    lines: list[str] = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        if not line.startswith(_STAMP):
            lines.append(line)
    stamp = f"{_STAMP}genai-prices {version('genai-prices')}, taken over on {today}."
    return "\n".join([*lines, stamp]) + "\n"
