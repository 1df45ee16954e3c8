import pytest
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer
from django.contrib.auth.models import User
from catalog.models import *
from catalog.versions.listing import newest
from tests.browser.conftest import browser, page
from tests.gateway.rows import *
@pytest.mark.django_db(transaction=True)
def test_shots(page, live_server):
    User.objects.create_superuser("admin", "a@b.example", "a-long-pass-phrase")
    p = make_provider(); m = make_model(p, "large"); a = make_alias("fast", m)
    c = Credential(provider=p, name="main"); c.put("sk-secret-0123456789abcdef"); c.save()
    good = newest()
    Provider.objects.update(base_url="https://wrong.example", headers={"x": "y"})
    new = make_model(p, "priced"); make_price(new)
    AliasTarget.objects.update(weight=3)
    c.delete()
    page.goto("/admin/login/")
    page.fill("[name=username]", "admin"); page.fill("[name=password]", "a-long-pass-phrase")
    page.locator("[type=submit]").first.click()
    page.goto("/admin/tenants/configchange/"); page.screenshot(path="/tmp/g_versions.png", full_page=True)
    page.goto(f"/admin/tenants/configchange/compare/?from={good.number}"); page.screenshot(path="/tmp/g_compare.png", full_page=True)
    page.goto(f"/admin/tenants/configchange/{good.number}/rollback/"); page.screenshot(path="/tmp/g_rollback.png", full_page=True)
    page.fill("[name=number]", str(good.number)); page.get_by_role("button", name="Go back").click()
    page.wait_for_load_state(); page.screenshot(path="/tmp/g_done.png", full_page=True)
    page.goto("/admin/pghistory/events/"); page.screenshot(path="/tmp/g_audit.png")
