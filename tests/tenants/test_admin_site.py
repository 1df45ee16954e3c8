"""Every page of the admin opens, for rows that exist."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from catalog.models import Credential
from tenants.models import Budget, Limit, OperatorToken, Role
from tests.admin_pages import save, saved, text_of
from tests.gateway.rows import (
    make_alias,
    make_key,
    make_model,
    make_price,
    make_project,
    make_provider,
)
from tests.people import person

pytestmark = pytest.mark.django_db

REGISTERED = sorted(model._meta.label_lower for model in admin.site._registry)


@pytest.fixture
def rows(admin_user: User) -> None:
    """One row, at least, of everything that has a page."""
    model = make_model(make_provider())
    make_price(model)
    project = make_project()
    make_key(project)
    make_alias("fast", model)
    Credential.objects.create(provider=model.provider, env_name="ACME_KEY")
    Limit.objects.create(project=project, metric="requests", amount=1, per="day")
    Budget.objects.create(project=project, amount_usd=1)
    OperatorToken.issue(admin_user, "laptop")
    interval = IntervalSchedule.objects.create(every=1, period="days")
    CrontabSchedule.objects.create()
    PeriodicTask.objects.create(name="t", task="t", interval=interval)


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("label", REGISTERED)
def test_lists_forms_and_histories_open(admin_client: Client, label: str) -> None:
    name = f"admin:{label.replace('.', '_')}"
    model: Any = next(m for m in admin.site._registry if m._meta.label_lower == label)

    assert admin_client.get(reverse(f"{name}_changelist")).status_code == 200
    assert admin_client.get(reverse(f"{name}_add")).status_code in {200, 403}
    if not model._meta.managed:
        return
    row = model._default_manager.first()
    # A version has no form: pages of its own compare it and lead back to it.
    opened = {200, 403} | ({302} if label == "tenants.configchange" else set())
    for page in ("change", "history", "delete"):
        if row is not None:
            response = admin_client.get(reverse(f"{name}_{page}", args=[row.pk]))
            assert response.status_code in opened


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    "label", ["tenants.project", "tenants.apikey", "catalog.aimodel", "catalog.alias"]
)
def test_rows_are_offered_while_one_types(admin_client: Client, label: str) -> None:
    holder = {
        "tenants.project": ("tenants", "limit", "project"),
        "tenants.apikey": ("tenants", "limit", "api_key"),
        "catalog.aimodel": ("catalog", "aliastarget", "model"),
        "catalog.alias": ("catalog", "aliastarget", "via"),
    }[label]
    query = dict(zip(("app_label", "model_name", "field_name"), holder, strict=True))

    answer = admin_client.get("/admin/autocomplete/", {**query, "term": ""}).json()

    assert len(answer["results"]) == 1


def test_the_root_leads_to_the_admin(client: Client) -> None:
    response = client.get("/")

    assert response.headers["Location"] == "/admin/"


def test_the_login_page_opens_and_lets_in(client: Client, admin_user: User) -> None:
    page = client.get("/admin/login/")
    response = client.post(
        "/admin/login/?next=/admin/", {"username": "admin", "password": "password"}
    )

    assert "Signalbox" in text_of(page)
    assert response.headers["Location"] == "/admin/"


def test_the_sidebar_shows_what_one_may_see(client: Client) -> None:
    client.force_login(person(Role.READ_ONLY, make_project().organization))

    page = text_of(client.get("/admin/"))

    assert "Overview" in page
    assert "Aliases" in page
    assert "Users" not in page
    assert "Hourly usage" not in page


def test_the_search_of_the_sidebar_answers(admin_client: Client) -> None:
    cache.clear()

    response = admin_client.get("/admin/search/", {"s": "alias"})

    assert "Aliases" in text_of(response)


def test_styles_and_scripts_are_served_without_debug(client: Client) -> None:
    for path in ("signalbox/admin.css", "signalbox/copy.js", "unfold/css/styles.css"):
        response = client.get(f"/static/{path}")
        assert response.status_code == 200
        response.close()


def test_a_schedule_is_edited(admin_client: Client, rows: None) -> None:
    task = PeriodicTask.objects.get(name="t")

    response = save(
        admin_client,
        reverse("admin:django_celery_beat_periodictask_change", args=[task.pk]),
        {"description": "Sums up usage."},
    )

    task.refresh_from_db()
    assert saved(response), text_of(response)
    assert task.description == "Sums up usage."


def test_a_user_is_made(admin_client: Client) -> None:
    response = save(
        admin_client,
        "/admin/auth/user/add/",
        {
            "username": "ann",
            "usable_password": "true",
            "password1": "a-long-pass-phrase",
            "password2": "a-long-pass-phrase",
        },
    )

    assert saved(response), text_of(response)
    assert User.objects.get(username="ann").check_password("a-long-pass-phrase")


def test_an_operator_token_is_revoked_from_the_list(
    admin_client: Client, admin_user: User
) -> None:
    token, _ = OperatorToken.issue(admin_user, "laptop")

    admin_client.post(
        "/admin/tenants/operatortoken/",
        {"action": "revoke_selected", "_selected_action": [token.pk]},
    )

    token.refresh_from_db()
    assert not token.is_active


def test_who_may_edit_users_makes_no_superusers_nor_touches_them(
    client: Client, admin_user: User
) -> None:
    clerk = person(Role.OWNER)
    client.force_login(clerk)

    own = reverse("admin:auth_user_change", args=[clerk.pk])
    save(client, own, {"first_name": "Ann", "is_superuser": "on"})
    password = client.post(
        f"/admin/auth/user/{admin_user.pk}/password/",
        {"password1": "a-long-pass-phrase", "password2": "a-long-pass-phrase"},
    )

    clerk.refresh_from_db()
    assert (clerk.first_name, clerk.is_superuser) == ("Ann", False)
    assert password.status_code == 403
