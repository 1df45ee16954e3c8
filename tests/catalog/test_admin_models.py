from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from catalog.models import AIModel, Price
from tests.admin_pages import save, saved, text_of
from tests.gateway.rows import make_alias, make_model, make_price, make_provider

pytestmark = pytest.mark.django_db


def page_of(model: AIModel) -> str:
    return reverse("admin:catalog_aimodel_change", args=[model.pk])


def test_capabilities_are_chosen_from_boxes_and_kept_as_a_list(
    admin_client: Client,
) -> None:
    model = make_model(make_provider())

    response = save(admin_client, page_of(model), {"capabilities": ["text", "vision"]})

    model.refresh_from_db()
    assert saved(response), text_of(response)
    assert model.capabilities == ["text", "vision"]


def test_a_model_without_an_operation_is_refused(admin_client: Client) -> None:
    model = make_model(make_provider())

    response = save(admin_client, page_of(model), {"operations": None})

    assert "This field is required" in text_of(response)


def test_an_operation_that_an_alias_needs_is_not_taken_away(
    admin_client: Client,
) -> None:
    model = make_model(make_provider())
    make_alias("fast", model)

    response = save(admin_client, page_of(model), {"operations": ["embeddings"]})

    assert "The model is a target of fast (chat)" in text_of(response)


def test_the_only_model_of_an_alias_is_not_deactivated(admin_client: Client) -> None:
    model = make_model(make_provider())
    make_alias("fast", model)

    response = save(admin_client, page_of(model), {"active": None})

    assert "would lead nowhere: fast" in text_of(response)


def test_a_successor_that_leads_back_is_refused(admin_client: Client) -> None:
    provider = make_provider()
    one = make_model(provider, "one")
    two = make_model(provider, "two", successor=one)

    response = save(admin_client, page_of(one), {"successor": two.pk})

    assert "The successors lead back to this model" in text_of(response)


def test_a_price_is_added_to_its_model(admin_client: Client) -> None:
    model = make_model(make_provider())
    make_price(model)

    response = save(
        admin_client,
        page_of(model),
        {
            "prices-TOTAL_FORMS": 2,
            "prices-1-component": "input",
            "prices-1-per_million": "3.00",
            "prices-1-min_input_tokens": 0,
            "prices-1-valid_from_0": "2026-01-01",
            "prices-1-valid_from_1": "00:00",
        },
    )

    assert saved(response), text_of(response)
    assert Price.objects.count() == 2


def test_a_price_is_neither_edited_nor_deleted_once_in_force(
    admin_client: Client,
) -> None:
    price = make_price(make_model(make_provider()))
    page = reverse("admin:catalog_price_change", args=[price.pk])

    shown = admin_client.get(page)
    edited = admin_client.post(page, {"per_million": "1"})
    deleted = admin_client.post(f"/admin/catalog/price/{price.pk}/delete/")

    assert "Add one with a later date" in text_of(shown)
    assert (edited.status_code, deleted.status_code) == (403, 403)
    assert Price.objects.get().per_million == price.per_million


def test_a_planned_price_may_be_deleted(admin_client: Client) -> None:
    price = make_price(
        make_model(make_provider()), valid_from=timezone.now() + timedelta(days=9)
    )

    admin_client.post(f"/admin/catalog/price/{price.pk}/delete/", {"post": "yes"})

    assert not Price.objects.exists()


def test_a_price_needs_one_amount(admin_client: Client) -> None:
    model = make_model(make_provider())

    response = save(
        admin_client,
        "/admin/catalog/price/add/",
        {
            "model": model.pk,
            "component": "input",
            "valid_from_0": "2026-01-01",
            "valid_from_1": "00:00",
        },
    )

    assert "Give either per million" in text_of(response)


def test_models_are_found_by_capability(admin_client: Client) -> None:
    provider = make_provider()
    make_model(provider, "seeing", capabilities=["text", "vision"])
    make_model(provider, "blind")

    response = admin_client.get("/admin/catalog/aimodel/?capability=vision")

    assert "seeing" in text_of(response)
    assert "blind" not in text_of(response)
