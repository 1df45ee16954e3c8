"""The price book beside the installed genai-prices: what differs is decided on."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from genai_prices.data_snapshot import get_snapshot

from catalog.models import AIModel, Price
from tests.gateway.rows import make_model, make_provider
from usage.models import PriceProposal
from usage.price_book.comparing import compare_prices
from usage.price_book.deciding import NotDecided, approve, reject

pytestmark = pytest.mark.django_db
PAGE = "/admin/usage/priceproposal/"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def model() -> AIModel:
    """A model whose price the source knows, wrongly priced in the book."""
    source = next(p for p in get_snapshot().providers if p.id == "anthropic")
    known = next(m.id for m in source.models if m.id.startswith("claude-"))
    provider = make_provider("anthropic")
    row = make_model(provider, known)
    price(row, "input", "987.00")
    return row


def price(model: AIModel, component: str, amount: str) -> Price:
    return Price.objects.create(
        model=model,
        component=component,
        per_million=Decimal(amount),
        valid_from=LONG_AGO,
    )


def proposal(component: str = "input") -> PriceProposal:
    return PriceProposal.objects.get(
        component=component, min_input_tokens=0, state="pending"
    )


def test_what_the_book_lacks_and_what_it_says_otherwise_is_proposed(
    model: AIModel,
) -> None:
    found = compare_prices()

    assert (found.models, found.new) == (1, found.pending)
    row = proposal()
    assert row.before == "987 per million"
    assert row.per_million != 987
    assert proposal("output").before == ""
    assert Price.objects.count() == 1, "nothing changes by itself"


def test_comparing_again_proposes_nothing_twice(model: AIModel) -> None:
    first = compare_prices()
    ids = set(PriceProposal.objects.values_list("pk", flat=True))

    again = compare_prices()

    assert (again.new, again.pending) == (0, first.pending)
    assert set(PriceProposal.objects.values_list("pk", flat=True)) == ids


def test_an_approved_price_is_one_more_and_the_old_one_stays(
    model: AIModel, admin_user: User
) -> None:
    compare_prices()
    row = proposal()
    row.effective_from = timezone.now() - timedelta(days=10)
    row.save()

    added = approve(row.pk, admin_user)

    row.refresh_from_db()
    assert (row.state, row.decided_by, row.price) == ("approved", admin_user, added)
    assert (added.per_million, added.valid_from) == (
        row.per_million,
        row.effective_from,
    )
    prices = Price.objects.filter(model=model, component="input")
    assert prices.count() == 2
    with pytest.raises(NotDecided, match="already"):
        approve(row.pk, admin_user)
    compare_prices()
    assert not PriceProposal.objects.filter(
        component="input", min_input_tokens=0, state="pending"
    ).exists()


def test_what_was_rejected_comes_back_only_when_the_source_says_otherwise(
    model: AIModel, admin_user: User
) -> None:
    compare_prices()
    row = proposal()
    reject(row.pk, admin_user)

    compare_prices()
    assert not PriceProposal.objects.filter(
        component="input", min_input_tokens=0, state="pending"
    ).exists()

    PriceProposal.objects.filter(pk=row.pk).update(per_million=Decimal(5000))
    compare_prices()
    assert proposal().per_million == row.per_million


def test_what_the_book_has_learned_by_itself_is_not_proposed_any_more(
    model: AIModel,
) -> None:
    compare_prices()
    row = proposal()
    Price.objects.create(
        model=model,
        component="input",
        per_million=row.per_million,
        valid_from=timezone.now() - timedelta(days=2),
    )

    compare_prices()

    assert not PriceProposal.objects.filter(pk=row.pk).exists()


def test_prices_are_decided_on_in_the_admin(
    model: AIModel, admin_client: Client
) -> None:
    compare_prices()
    row, other = proposal(), proposal("output")

    def act(action: str, *rows: PriceProposal) -> Any:
        chosen = [each.pk for each in rows]
        sent = {"action": action, "_selected_action": chosen, "index": "0"}
        return admin_client.post(PAGE, sent, follow=True)

    shown = act("approve_selected", row).content.decode()
    act("reject_selected", other)

    assert "1 added to the price book." in shown
    row.refresh_from_db()
    other.refresh_from_db()
    assert (row.state, other.state) == ("approved", "rejected")
    assert Price.objects.filter(model=model).count() == 2


def test_the_command_shows_what_differs(
    model: AIModel, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("compare_prices")

    said = capsys.readouterr().out
    assert f"{model} input: 987 per million -> " in said
    assert "1 models compared" in said
