"""Providers, models, prices and aliases as a bundle knows them."""

from collections.abc import Iterable

from catalog.bundle.kind import Kind, Parent, Scope
from catalog.bundle.shapes import TIMEOUTS
from catalog.bundle.units import Key, Values
from catalog.models import (
    AIModel,
    Alias,
    AliasTarget,
    Credential,
    Endpoint,
    Price,
    Provider,
)
from catalog.models.credential import CAPS
from tenants.models import Project

# Stands for a stored value, which no bundle holds.
SEALED = "(sealed)"


class ProviderKind(Kind):
    name = "provider"
    model = Provider
    columns = (
        "name",
        "base_url",
        "handler",
        "auth",
        "region",
        "active",
        "allow_private_addresses",
        "headers",
        "drop_params",
        "rename_params",
        "add_params",
        "health_check",
        "reports_cost",
    )
    labels = {
        f"{part.removesuffix('_s')}_timeout_s": f"timeouts.{part}" for part in TIMEOUTS
    }

    def rows(self, scope: Scope) -> Iterable[Provider]:
        return Provider.objects.filter(scope.of_providers()).select_related("project")

    def key(self, row: Provider) -> Key:
        return (row.slug,)

    def new(self, key: Key) -> Provider:
        return Provider(slug=key[0])

    def parents(self, key: Key, values: Values) -> list[Parent]:
        return _owner(values)

    def values(self, row: Provider) -> Values:
        timeouts = {
            part: getattr(row, f"{part.removesuffix('_s')}_timeout_s")
            for part in TIMEOUTS
        }
        owner = _slug(row.project)
        return {**super().values(row), "project": owner, "timeouts": timeouts}

    def fill(self, row: Provider, values: Values) -> None:
        super().fill(row, values)
        if "project" in values and values["project"] is None:
            row.project = None
        for part, value in values.get("timeouts", {}).items():
            setattr(row, f"{part.removesuffix('_s')}_timeout_s", value)


class CredentialKind(Kind):
    name = "credential"
    model = Credential
    columns = ("active", *CAPS)
    labels = {"env_name": "credential"}

    def rows(self, scope: Scope) -> Iterable[Credential]:
        # What end users bring is their own, and in no file.
        found = Credential.objects.filter(
            scope.of_global_and("project__slug"), end_user=None
        )
        return found.select_related("provider", "project")

    def key(self, row: Credential) -> Key:
        return (row.provider.slug, _slug(row.project), row.name)

    def new(self, key: Key) -> Credential:
        return Credential(name=key[2])

    def parents(self, key: Key, values: Values) -> list[Parent]:
        found = [Parent("provider", "provider", key[:1])]
        if key[1] is not None:
            found.append(Parent("project", "project", (key[1],)))
        return found

    def values(self, row: Credential) -> Values:
        name = row.env_name or (SEALED if row.sealed is not None else "")
        return {**super().values(row), "credential": name}

    def fill(self, row: Credential, values: Values) -> None:
        super().fill(row, values)
        if "credential" in values:
            row.env_name = values["credential"]
            row.sealed = None
            row.last_four = ""


class EndpointKind(Kind):
    name = "endpoint"
    model = Endpoint
    columns = ("handler", "priority", "active")

    def rows(self, scope: Scope) -> Iterable[Endpoint]:
        found = Endpoint.objects.filter(scope.of_providers("provider__"))
        return found.select_related("provider")

    def key(self, row: Endpoint) -> Key:
        return (row.provider.slug, row.operation, row.pattern)

    def new(self, key: Key) -> Endpoint:
        return Endpoint(operation=key[1], pattern=key[2])

    def parents(self, key: Key, values: Values) -> list[Parent]:
        return [Parent("provider", "provider", key[:1])]


class ModelKind(Kind):
    name = "model"
    model = AIModel
    columns = (
        "operations",
        "context_window",
        "max_output_tokens",
        "capabilities",
        "expected_latency_ms",
        "active",
        "deprecated_on",
    )

    def rows(self, scope: Scope) -> Iterable[AIModel]:
        found = AIModel.objects.filter(scope.of_models())
        return found.select_related("project", "provider", "successor__provider")

    def key(self, row: AIModel) -> Key:
        return (row.provider.slug, row.model_id)

    def new(self, key: Key) -> AIModel:
        return AIModel(model_id=key[1])

    def parents(self, key: Key, values: Values) -> list[Parent]:
        found = [Parent("provider", "provider", key[:1]), *_owner(values)]
        if successor := values.get("successor"):
            found.append(Parent("successor", "model", model_key(successor)))
        return found

    def values(self, row: AIModel) -> Values:
        successor = None if row.successor is None else str(row.successor)
        owner = _slug(row.project)
        return {**super().values(row), "project": owner, "successor": successor}

    def fill(self, row: AIModel, values: Values) -> None:
        super().fill(row, values)
        if "project" in values and values["project"] is None:
            row.project = None
        if "successor" in values and values["successor"] is None:
            row.successor = None


class PriceKind(Kind):
    name = "price"
    model = Price
    columns = ("per_million", "per_unit")

    def rows(self, scope: Scope) -> Iterable[Price]:
        found = Price.objects.filter(scope.of_models("model__"))
        return found.select_related("model__provider").order_by(
            "model", "component", "min_input_tokens", "valid_from"
        )

    def key(self, row: Price) -> Key:
        return (
            row.model.provider.slug,
            row.model.model_id,
            row.component,
            row.min_input_tokens,
            row.valid_from,
        )

    def new(self, key: Key) -> Price:
        return Price(component=key[2], min_input_tokens=key[3], valid_from=key[4])

    def parents(self, key: Key, values: Values) -> list[Parent]:
        return [Parent("model", "model", key[:2])]


class AliasKind(Kind):
    name = "alias"
    model = Alias
    columns = (
        "operation",
        "strategy",
        "sticky",
        "required_capabilities",
        "region",
        "defaults",
        "active",
    )

    def rows(self, scope: Scope) -> Iterable[Alias]:
        found = Alias.objects.filter(scope.of_global_and("project__slug"))
        return found.select_related("project")

    def key(self, row: Alias) -> Key:
        return alias_key(row)

    def new(self, key: Key) -> Alias:
        return Alias(name=key[1])

    def parents(self, key: Key, values: Values) -> list[Parent]:
        return [] if key[0] is None else [Parent("project", "project", key[:1])]


class TargetKind(Kind):
    name = "target"
    model = AliasTarget
    columns = ("priority", "weight", "active")

    def rows(self, scope: Scope) -> Iterable[AliasTarget]:
        found = AliasTarget.objects.filter(scope.of_global_and("alias__project__slug"))
        return found.select_related(
            "alias__project", "model__provider", "via__project"
        ).order_by("alias", "priority", "id")

    def key(self, row: AliasTarget) -> Key:
        way: Key = ()
        if row.model is not None:
            way = ("model", str(row.model))
        elif row.via is not None:
            way = ("via", *alias_key(row.via))
        return (*alias_key(row.alias), way)

    def new(self, key: Key) -> AliasTarget:
        return AliasTarget()

    def parents(self, key: Key, values: Values) -> list[Parent]:
        project, name, (way, *rest) = key
        found = [Parent("alias", "alias", (project, name))]
        if way == "model":
            found.append(Parent("model", "model", model_key(rest[0])))
        else:
            found.append(Parent("via", "alias", tuple(rest)))
        return found


def model_key(reference: str) -> Key:
    """Split `provider/model_id`; only the first slash counts."""
    provider, _, model_id = reference.partition("/")
    return (provider, model_id)


def alias_key(alias: Alias) -> Key:
    return (_slug(alias.project), alias.name)


def _owner(values: Values) -> list[Parent]:
    """Return the project that alone may use a provider or model."""
    owner = values.get("project")
    return [] if owner is None else [Parent("project", "project", (owner,))]


def _slug(project: Project | None) -> str | None:
    return None if project is None else project.slug
