from decimal import Decimal
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext, override_settings
from django.utils import timezone

from catalog.loading import Loaded, load_catalog
from catalog.models import (
    AIModel,
    Alias,
    AliasTarget,
    Credential,
    Endpoint,
    Price,
    Provider,
)
from tenants.models import ConfigChange
from tests.catalog.bundles import EXAMPLE

pytestmark = pytest.mark.django_db

PROVIDERS = EXAMPLE[: EXAMPLE.index("projects:")]


class Folder:
    """A catalog of one provider, whose files a test changes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = PROVIDERS
        self.write("", "")

    def write(self, old: str, new: str) -> None:
        assert old in self.text
        self.text = self.text.replace(old, new)
        (self.path / "acme.yaml").write_text(self.text, encoding="utf-8")

    def load(self) -> Loaded:
        return load_catalog(self.path)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    folder.load()
    return folder


def test_a_catalog_that_is_the_same_is_not_looked_at_again(folder: Folder) -> None:
    changes = ConfigChange.objects.count()

    with CaptureQueriesContext(connection) as queries:
        loaded = folder.load()

    assert loaded.plan is None
    assert len(queries) == 1
    assert ConfigChange.objects.count() == changes


def test_rows_that_nobody_changed_are_brought_up_to_date(folder: Folder) -> None:
    folder.write("name: Acme AI", "name: Acme")
    folder.write("weight: 100", "weight: 50")

    loaded = folder.load()

    assert loaded.left_alone == []
    assert Provider.objects.get().name == "Acme"
    assert AliasTarget.objects.get().weight == 50


def test_what_an_operator_changed_is_left_alone_and_said(folder: Folder) -> None:
    Provider.objects.update(name="Our Acme")
    AIModel.objects.update(active=False)
    folder.write("name: Acme AI", "name: Acme")
    folder.write("context_window: 128000", "context_window: 1")

    loaded = folder.load()

    assert loaded.left_alone == ["model acme/acme-large-2", "provider acme"]
    assert Provider.objects.get().name == "Our Acme"
    assert AIModel.objects.get().context_window == 128000


def test_an_alias_with_other_targets_is_the_operators(folder: Folder) -> None:
    other = AIModel.objects.create(provider=Provider.objects.get(), model_id="own")
    AliasTarget.objects.update(model=other)
    folder.write("strategy: cheapest", "strategy: priority")

    loaded = folder.load()

    assert loaded.left_alone == ["alias fast"]
    assert Alias.objects.get().strategy == "cheapest"
    assert AliasTarget.objects.get().model == other


def test_what_an_operator_deleted_stays_deleted(folder: Folder) -> None:
    Endpoint.objects.all().delete()
    Alias.objects.all().delete()
    folder.write("name: Acme AI", "name: Acme")

    loaded = folder.load()

    assert loaded.left_alone == []
    assert not Endpoint.objects.exists()
    assert not Alias.objects.exists()


def test_a_target_whose_model_is_gone_is_dropped(folder: Folder) -> None:
    folder.write(
        "aliases:\n",
        "  - {provider: acme, model_id: small}\n"
        "aliases:\n  - {name: little, targets: [{model: acme/small}]}\n",
    )
    folder.load()
    Alias.objects.filter(name="little").delete()
    AIModel.objects.filter(model_id="small").delete()
    folder.write("name: little", "name: tiny")

    folder.load()

    assert not Alias.objects.filter(name="tiny").exists()


def test_a_row_that_was_there_before_is_the_operators(tmp_path: Path) -> None:
    Provider.objects.create(
        slug="acme", name="Mine", base_url="https://mine", handler="openai_chat"
    )

    loaded = Folder(tmp_path).load()

    assert loaded.left_alone == ["provider acme"]
    assert Provider.objects.get().name == "Mine"
    assert Endpoint.objects.count() == 1


def test_new_prices_are_added(folder: Folder) -> None:
    line = '      - {component: input, per_million: "2.00", valid_from: 2026-01-01}\n'
    folder.write(line, line + line.replace("2.00", "3.00").replace("-01-01", "-06-01"))

    folder.load()

    assert Price.objects.filter(component="input").count() == 2


def test_where_an_operator_has_a_price_the_catalog_adds_none(folder: Folder) -> None:
    Price.objects.create(
        model=AIModel.objects.get(),
        component="input",
        per_million=Decimal("1.50"),
        valid_from=timezone.now(),
    )
    line = '      - {component: input, per_million: "2.00", valid_from: 2026-01-01}\n'
    folder.write(line, line + line.replace("2.00", "3.00").replace("-01-01", "-06-01"))

    loaded = folder.load()

    assert loaded.left_alone == ["price acme/acme-large-2 input from 2026-06-01"]
    assert Price.objects.filter(component="input").count() == 2


def test_a_sealed_key_of_an_operator_is_kept(folder: Folder) -> None:
    credential = Credential.objects.get()
    credential.put("sk-a-key-of-the-operator")
    credential.save()
    folder.write("env:ACME_API_KEY", "env:ACME_KEY")

    loaded = folder.load()

    assert loaded.left_alone == ["credential acme default"]
    credential.refresh_from_db()
    assert credential.sealed is not None


def test_the_simulator_is_found_where_it_runs() -> None:
    with override_settings(SIMULATOR_URL="http://127.0.0.1:7001"):
        load_catalog()
    Provider.objects.filter(slug="simulator").update(idle_timeout_s=7)

    with override_settings(SIMULATOR_URL="http://127.0.0.1:7002"):
        loaded = load_catalog()

    simulator = Provider.objects.get(slug="simulator")
    assert simulator.base_url == "http://127.0.0.1:7002"
    assert simulator.idle_timeout_s == 7
    assert loaded.left_alone == ["provider simulator"]
