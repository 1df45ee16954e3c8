"""The control API in the running application, beside the gateway that it configures."""

import httpx
import pytest
from django.db import connection

from catalog.models import Provider
from tenants.models import Project, Role
from tests.gateway.control.calling import ROOT, caller
from tests.gateway.live import LiveGateway, wait_until


def test_a_key_works_from_its_answer_on_until_it_is_revoked(
    live: LiveGateway,
    project: Project,
    provider: Provider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The server's threads keep no connection that the next test would find.
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)
    token = caller(Role.OWNER).token
    control = httpx.Client(
        base_url=f"{live.url}{ROOT}", headers={"authorization": f"Bearer {token}"}
    )

    def models(key: str) -> int:
        headers = {"authorization": f"Bearer {key}"}
        return httpx.get(f"{live.url}/v1/models", headers=headers).status_code

    with control:
        made = control.post("/keys/", json={"project": project.slug, "name": "k"})
        key, path = made.json()["key"], f"/keys/{made.json()['id']}"
        assert models(key) == 200
        checked = control.post(f"/providers/{provider.pk}/check/")
        assert checked.json()["standing"] == "ok"
        assert control.post(f"{path}/revoke").status_code == 200
        wait_until(lambda: models(key) == 401)
        entry = control.get(
            f"/audit/?model=tenants.apikey&object_id={made.json()['id']}"
        )

    assert entry.json()["results"][0]["actor"].endswith(f"({token[:18]}…)")
    assert models(token) == 401
