"""Organizations, projects, limits and budgets as a bundle knows them."""

from collections.abc import Iterable
from typing import Any

from catalog.bundle.kind import Kind, Parent, Scope
from catalog.bundle.units import Key, Values
from tenants.models import Budget, ContextScope, EndUser, Limit, Organization, Project
from tenants.models.project import default_cache


class OrganizationKind(Kind):
    name = "organization"
    model = Organization
    columns = ("name", "active", "time_zone")

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
        "strategy",
        "cache",
        "auto_approve_threshold_usd",
        "allowed_regions",
        "task_routes",
        "allow_unpriced",
        "strict_params",
        "fallback_on_content_policy",
        "capture",
        "capture_retention_days",
        "capture_redactions",
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
        defaults = {**default_cache(), "all": False, "context": False}
        cache = {n: row.cache.get(n, v) for n, v in defaults.items()}
        return {
            **super().values(row),
            "cache": cache,
            "organization": row.organization.slug,
        }


class ContextScopeKind(Kind):
    """A project's own scopes, in place of the ready ones or besides them."""

    name = "context_scope"
    model = ContextScope
    columns = (
        "kinds",
        "token_budget",
        "order",
        "selection",
        "template",
        "entry_template",
    )

    def rows(self, scope: Scope) -> Iterable[ContextScope]:
        found = ContextScope.objects.filter(scope.of("project__slug"))
        return found.select_related("project").order_by("id")

    def key(self, row: ContextScope) -> Key:
        return (row.project.slug, row.name)

    def new(self, key: Key) -> ContextScope:
        return ContextScope(name=key[1])

    def parents(self, key: Key, values: Values) -> list[Parent]:
        return [Parent("project", "project", key[:1])]


class EndUserKind(Kind):
    """Those that limits and budgets name; they are made when they are missing.

    Their projects manage them, so that no section of a file is about them, and none is
    ever removed.
    """

    name = "end_user"
    model = EndUser
    labels = {"external_id": "end_user"}

    def rows(self, scope: Scope) -> Iterable[EndUser]:
        return ()

    def key(self, row: EndUser) -> Key:
        return (row.project.slug, row.external_id)

    def new(self, key: Key) -> EndUser:
        return EndUser(external_id=key[1])

    def parents(self, key: Key, values: Values) -> list[Parent]:
        return [Parent("project", "project", key[:1])]


class ScopedKind(Kind):
    """What may hold for a key, an end user, each of them, an alias, or several of these.

    The key begins with the project and two parts of its own; the scope follows.
    """

    labels = {"api_key": "key"}

    def scoped(self, row: Any) -> Key:
        return (
            None if row.api_key is None else row.api_key.prefix,
            None if row.end_user is None else row.end_user.external_id,
            row.each_end_user,
            row.alias,
        )

    def parents(self, key: Key, values: Values) -> list[Parent]:
        found = [Parent("project", "project", key[:1])]
        if key[3] is not None:
            found.append(Parent("api_key", "key", (key[0], key[3])))
        if key[4] is not None:
            found.append(Parent("end_user", "end_user", (key[0], key[4])))
        return found


class LimitKind(ScopedKind):
    name = "limit"
    model = Limit
    columns = ("amount", "shadow", "active")

    def rows(self, scope: Scope) -> Iterable[Limit]:
        found = Limit.objects.filter(scope.of("project__slug"), scope.of_end_users())
        return found.select_related("project", "api_key", "end_user").order_by("id")

    def key(self, row: Limit) -> Key:
        return (row.project.slug, row.metric, row.per, *self.scoped(row))

    def new(self, key: Key) -> Limit:
        return Limit(metric=key[1], per=key[2], each_end_user=key[5], alias=key[6])


class BudgetKind(ScopedKind):
    name = "budget"
    model = Budget
    columns = ("amount_usd", "warn_at", "active")

    def rows(self, scope: Scope) -> Iterable[Budget]:
        found = Budget.objects.filter(
            scope.of("project__slug"), scope.of_end_users(), organization=None
        )
        return found.select_related("project", "api_key", "end_user").order_by("id")

    def key(self, row: Budget) -> Key:
        project = "" if row.project is None else row.project.slug
        return (project, row.per, row.mode, *self.scoped(row))

    def new(self, key: Key) -> Budget:
        return Budget(per=key[1], mode=key[2], each_end_user=key[5], alias=key[6])


class OrganizationBudgetKind(Kind):
    """What all projects of an organization may spend together."""

    name = "organization_budget"
    model = Budget
    columns = ("amount_usd", "warn_at", "active")

    def rows(self, scope: Scope) -> Iterable[Budget]:
        found = Budget.objects.filter(project=None)
        return found.select_related("organization").order_by("id")

    def key(self, row: Budget) -> Key:
        organization = "" if row.organization is None else row.organization.slug
        return (organization, row.per, row.mode)

    def new(self, key: Key) -> Budget:
        return Budget(per=key[1], mode=key[2])

    def parents(self, key: Key, values: Values) -> list[Parent]:
        return [Parent("organization", "organization", key[:1])]
