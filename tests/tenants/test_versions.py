from datetime import timedelta

import pytest
from django.utils import timezone

from tenants.models import ConfigChange
from tenants.tasks import trim_config_changes
from tenants.versions import KEPT

pytestmark = pytest.mark.django_db


def change(*, days_ago: float) -> ConfigChange:
    return ConfigChange.objects.create(
        table_name="t", changed_at=timezone.now() - timedelta(days=days_ago)
    )


def test_old_versions_are_trimmed() -> None:
    ConfigChange.objects.all().delete()
    change(days_ago=KEPT.days + 1)
    recent = change(days_ago=KEPT.days - 1)
    newest = change(days_ago=0)

    trim_config_changes.apply(throw=True)

    assert list(ConfigChange.objects.order_by("id")) == [recent, newest]


def test_the_newest_version_stays_however_old() -> None:
    ConfigChange.objects.all().delete()
    change(days_ago=300)
    newest = change(days_ago=200)

    trim_config_changes.apply(throw=True)

    assert list(ConfigChange.objects.all()) == [newest]
