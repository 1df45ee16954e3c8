"""An organization with a row of everything, made by looking at the models.

Whatever text a row of it may hold, holds its canary: a page that shows any of it to
somebody else is found by searching for that one word.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection, models
from django.utils import timezone

from tenants.access_table import ACCESS
from tenants.models import Membership, Organization, Project, Role
from tenants.roles import includes
from tests import emptying

APPS = ("tenants", "catalog", "usage", "gateway", "workflows")
# A label, a statement and its parameters.
Look = tuple[str, str, tuple[Any, ...]]

# Written by the database alone, or about no organization.
NOBODYS = {"tenants.configchange", "usage.openday", "usage.touchedhour"}

# What the checks of the database ask for beyond one column.
PARTICULAR: dict[str, dict[str, Any]] = {
    "tenants.organization": {"time_zone": "UTC"},
    "tenants.project": {"time_zone": "UTC"},
    "tenants.budget": {"organization": None, "mode": "soft"},
    "tenants.limit": {"metric": "requests", "per": "minute"},
    "tenants.apikey": {"revoked_at": None, "rotated_to": None},
    "tenants.apikeyuse": {},
    "catalog.provider": {"base_url": "https://{canary}.example", "auth": "bearer"},
    "catalog.endpoint": {"operation": "chat", "pattern": "/v1/{canary}"},
    "catalog.aliastarget": {"via": None},
    "catalog.credential": {"env_name": ""},
    "catalog.price": {"component": "input", "per_million": 1, "per_unit": None},
    "usage.usageevent": {"occurred_at": "now"},
}


@dataclass
class Tenant:
    """The rows of one organization, one of each model."""

    canary: str
    rows: dict[type[models.Model], models.Model] = field(default_factory=dict)
    making: list[type[models.Model]] = field(default_factory=list)
    # What looks at all that is its own, and at who leads to it: made once for all copies.
    looks: dict[str, list[Look]] = field(default_factory=dict)

    @property
    def organization(self) -> Organization:
        return self.row(Organization)  # type: ignore[return-value]

    @property
    def project(self) -> Project:
        return self.row(Project)  # type: ignore[return-value]

    def row(self, model: type[models.Model]) -> models.Model:
        """Return the row of the model, made on first use with all that it needs."""
        if model._meta.concrete_model is not None:
            model = model._meta.concrete_model
        if model not in self.rows:
            self.making.append(model)
            self.rows[model] = self._new(model)
            self.making.remove(model)
        return self.rows[model]

    def _new(self, model: type[models.Model]) -> models.Model:
        if model is User:
            return User.objects.create_user(
                f"{self.canary}-person", email=f"{self.canary}@example.com"
            )
        particular = PARTICULAR.get(model._meta.label_lower, {})
        row = model()
        for column in model._meta.concrete_fields:
            if column.primary_key and isinstance(column, models.AutoField):
                continue
            if column.name in particular:
                value = particular[column.name]
                if isinstance(value, str):
                    value = value.replace("{canary}", self.canary)
                value = timezone.now() if value == "now" else value
            else:
                value = self._value(model, column)
            if value is not _SKIP:
                setattr(row, column.name, value)
        model._base_manager.bulk_create([row])
        return model._base_manager.get(pk=row.pk)

    def _value(self, model: type[models.Model], column: Any) -> Any:  # noqa: C901
        if isinstance(column, models.ForeignKey):
            return self._related(model, column)
        if column.choices:
            return column.default if column.has_default() else column.choices[0][0]
        match column:
            case models.UUIDField():
                return uuid.uuid4()
            case models.CharField() | models.TextField():
                return self._text(column)
            case models.BinaryField():
                return None if column.null else uuid.uuid4().bytes * 2
            case models.DateTimeField():
                if column.null and column.name != "occurred_at":
                    return None
                later = timedelta(hours=1) if "expires" in column.name else timedelta()
                return timezone.now() + later
            case models.DateField():
                return None if column.null else date.today()  # noqa: DTZ011
            case _ if column.has_default() or column.null:
                return _SKIP
            case models.DecimalField():
                return Decimal(1)
            case models.BooleanField():
                return True
            case models.JSONField():
                return {}
            case _:
                return 1

    def _related(self, model: type[models.Model], column: Any) -> Any:
        related = column.related_model
        if related in self.making and column.null:
            # Itself, or two models that lead to each other.
            return None
        tells_whose = not any(f.name == "project" for f in model._meta.concrete_fields)
        if column.null and related is Organization and not tells_whose:
            return None
        return self.row(related)

    def _text(self, column: Any) -> str:
        text = f"{self.canary}-{column.name.replace('_', '-')}"
        if column.max_length and len(text) > column.max_length:
            return text[: column.max_length]
        return text

    def copy(self) -> "Tenant":
        """Return it for a test that may make more rows and then take them back."""
        return Tenant(self.canary, dict(self.rows), looks=self.looks)


_SKIP = object()


def own_models() -> list[type[models.Model]]:
    """Return the models of Signalbox that have tables, but for the audit's."""
    return [
        model
        for model in apps.get_models()
        if model._meta.app_label in APPS
        and model._meta.managed
        and not model._meta.proxy
        and not hasattr(model, "pgh_tracked_model")
        and model._meta.label_lower not in NOBODYS
    ]


def full_tenant(canary: str) -> Tenant:
    tenant = Tenant(canary)
    for model in own_models():
        tenant.row(model)
    return tenant


@contextmanager
def two_tenants(ours: str, theirs: str) -> Iterator[tuple[Tenant, Tenant]]:
    """Commit two of them for several tests, and empty the database afterwards."""
    try:
        yield full_tenant(ours), full_tenant(theirs)
    finally:
        emptying.empty()


def member(tenant: Tenant, role: str, name: str) -> User:
    user = User.objects.create_user(name)
    Membership.objects.create(user=user, organization=tenant.organization, role=role)
    return user


ROLES = [Role.READ_ONLY, Role.ANALYST, Role.OPERATOR, Role.OWNER]


def roles_that_differ(label: str) -> list[Role]:
    """Return the highest of those roles that may do the same with rows of the model."""
    access = ACCESS.get(label)
    if access is None:
        return ROLES
    by_rights = {
        (includes(role, access.view), includes(role, access.change)): role
        for role in ROLES
    }
    return list(by_rights.values())


def state_of(tenant: Tenant) -> dict[str, Any]:
    """Return every column of every row that is the tenant's, however one gets to it."""
    return dict(_looked(tenant, "state", _looks_at_rows))


def strangers_pointing_to(tenant: Tenant) -> list[str]:
    """Name the rows that are not the tenant's and lead to a row that is."""
    found = _looked(tenant, "strangers", _looks_at_strangers)
    return [f"{column} {pk}" for column, rows in found for (pk,) in rows]


def _looked(
    tenant: Tenant, name: str, make: Callable[[Tenant], Iterator[Look]]
) -> list[tuple[str, list[Any]]]:
    """Look, with statements that take Django longer to put together than to run."""
    if name not in tenant.looks:
        tenant.looks[name] = list(make(tenant))
    found = []
    with connection.cursor() as cursor:
        for label, statement, parameters in tenant.looks[name]:
            cursor.execute(statement, parameters)
            found.append((label, cursor.fetchall()))
    return found


def _looks_at_rows(tenant: Tenant) -> Iterator[Look]:
    for model in own_models():
        rows = model._base_manager.filter(_belongs_to(model, tenant)).order_by("pk")
        yield model._meta.label_lower, *rows.values_list().query.sql_with_params()


def _looks_at_strangers(tenant: Tenant) -> Iterator[Look]:
    for model in own_models():
        theirs = _belongs_to(model, tenant)
        for column in model._meta.concrete_fields:
            related: Any = column.related_model
            if not isinstance(column, models.ForeignKey) or related not in tenant.rows:
                continue
            if related is User:
                continue
            keys = related._base_manager.filter(_belongs_to(related, tenant))
            rows = model._base_manager.filter(**{f"{column.name}__in": keys})
            others = rows.exclude(
                pk__in=model._base_manager.filter(theirs).values("pk")
            ).values_list("pk")
            label = f"{model._meta.label_lower}.{column.name}"
            yield label, *others.query.sql_with_params()


def _belongs_to(model: type[models.Model], tenant: Tenant) -> models.Q:
    """Follow the foreign keys, a few deep, to the organization."""
    paths = _paths(model, 3)
    condition = models.Q(pk=tenant.rows[model].pk)
    for path in paths:
        condition |= models.Q(**{path: tenant.organization.pk})
    return condition


def _paths(model: type[models.Model], depth: int) -> list[str]:
    if model is Organization:
        return ["pk"]
    found = []
    for column in model._meta.concrete_fields if depth else ():
        related: Any = column.related_model
        if not isinstance(column, models.ForeignKey) or related is model:
            continue
        if related._meta.app_label in APPS:
            rest = _paths(related, depth - 1)
            found += [f"{column.name}__{path}" for path in rest]
    return found
