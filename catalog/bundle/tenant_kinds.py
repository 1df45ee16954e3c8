"""Organizations, projects, limits and budgets as a bundle knows them."""

from collections.abc import Iterable

from catalog.bundle.kind import Kind, Parent, Scope
from catalog.bundle.units import Key, Values
from tenants.models import ApiKey, Budget, Limit, Organization, Project
from tenants.models.project import default_cache


class OrganizationKind(Kind):
    name = "organization"
    model = Organization
    columns = ("name", "active")

    def rows(self, scope: Scope) -> Iterable[Organization]:
        return Organization.objects.all()

    def key(self, row: Organization) -> Key:
        return (row.slug,)

    def new(self, key: Key) -> Organization:
        return Organization(slug=key[0])


class ProjectKind(Kind):
    name = "project"
    model = Project
    columns = (
        "name",
        "active",
        "default_alias",
        "cache",
        "auto_approve_threshold_usd",
        "allowed_regions",
        "task_routes",
        "allow_unpriced",
        "strict_params",
        "fallback_on_content_policy",
        "capture",
        "time_zone",
    )

    def rows(self, scope: Scope) -> Iterable[Project]:
        return Project.objects.filter(scope.of("slug")).select_related("organization")

    def key(self, row: Project) -> Key:
        return (row.slug,)

    def new(self, key: Key) -> Project:
        return Project(slug=key[0])

    def parents(self, key: Key, values: Values) -> list[Parent]:
        return [Parent("organization", "organization", (values.get("organization"),))]

    def values(self, row: Project) -> Values:
        defaults = {**default_cache(), "all": False}
        cache = {n: row.cache.get(n, v) for n, v in defaults.items()}
        return {
            **super().values(row),
            "cache": cache,
            "organization": row.organization.slug,
        }


class LimitKind(Kind):
    name = "limit"
    model = Limit
    columns = ("amount", "active")
    labels = {"api_key": "key"}

    def rows(self, scope: Scope) -> Iterable[Limit]:
        found = Limit.objects.filter(scope.of("project__slug"))
        return found.select_related("project", "api_key").order_by("id")

    def key(self, row: Limit) -> Key:
        return (row.project.slug, row.metric, row.per, _prefix(row.api_key))

    def new(self, key: Key) -> Limit:
        return Limit(metric=key[1], per=key[2])

    def parents(self, key: Key, values: Values) -> list[Parent]:
        return _tenant_parents(key)


class BudgetKind(Kind):
    name = "budget"
    model = Budget
    columns = ("amount_usd", "warn_at", "active")
    labels = {"api_key": "key"}

    def rows(self, scope: Scope) -> Iterable[Budget]:
        found = Budget.objects.filter(scope.of("project__slug"), organization=None)
        return found.select_related("project", "api_key").order_by("id")

    def key(self, row: Budget) -> Key:
        project = "" if row.project is None else row.project.slug
        return (project, row.per, row.mode, _prefix(row.api_key))

    def new(self, key: Key) -> Budget:
        return Budget(per=key[1], mode=key[2])

    def parents(self, key: Key, values: Values) -> list[Parent]:
        return _tenant_parents(key)


def _prefix(key: ApiKey | None) -> str | None:
    return None if key is None else key.prefix


def _tenant_parents(key: Key) -> list[Parent]:
    found = [Parent("project", "project", key[:1])]
    if key[3] is not None:
        found.append(Parent("api_key", "key", (key[0], key[3])))
    return found
