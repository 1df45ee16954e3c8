"""What a request in Signalbox's own dialect says to the gateway: model, route, user."""

import dataclasses

from catalog.protocols import Capability
from gateway.configuration.model_names import models_named
from gateway.configuration.records import Catalog, ProjectRecord
from gateway.providers.lists import default_model_of, provider_named
from gateway.refusals import InvalidRequest
from gateway.selection.choices import choice_for
from gateway.types import JSON, Attribution, ProviderPreferences


def preferences_of(
    body: JSON, wanted: ProviderPreferences, project: ProjectRecord, catalog: Catalog
) -> ProviderPreferences:
    """Add the forced provider and what `routing` asks for. Raises `InvalidRequest`."""
    routing = body.get("routing") or {}
    required = routing.get("requiredCapabilities") or []
    for name in required:
        if name not in Capability.values:
            msg = (
                f"{name[:100]!r} is no capability; there are "
                f"{', '.join(Capability.values)}."
            )
            raise InvalidRequest(msg, param="routing.requiredCapabilities")
    forced = forced_provider(body)
    if forced and provider_named(forced, project, catalog) is None:
        msg = (
            f"There is no provider {forced[:100]!r}; GET /api/ai/providers lists them."
        )
        raise InvalidRequest(msg, param="provider")
    return dataclasses.replace(
        wanted,
        only=frozenset({forced}) if forced else wanted.only,
        region=routing.get("region") or wanted.region,
        strategy=routing.get("strategy") or "",
        capabilities=frozenset(required),
    )


def forced_provider(body: JSON) -> str:
    """Return the one provider that may answer; empty when the request forces none."""
    provider = body.get("provider")
    return provider if isinstance(provider, str) else ""


def model_of(body: JSON, project: ProjectRecord, catalog: Catalog) -> str:
    """Return the name to route by: the model, else the task's alias, else the default.

    A forced provider makes a bare id its own; where nothing is named and the name's
    targets are elsewhere, its default model is meant.
    """
    forced = forced_provider(body)
    named = body.get("model") or ""
    name = named or _alias_for(body.get("taskType") or "", project, catalog)
    if not forced:
        return name
    name = name or project.default_alias
    is_alias = name in project.aliases or name in catalog.aliases
    if not is_alias and models_named(f"{forced}/{name}", project, catalog):
        return f"{forced}/{name}"
    provider = provider_named(forced, project, catalog)
    if named or provider is None or _leads_to(name, forced, project, catalog):
        return name
    default = default_model_of(provider, project, catalog)
    return name if default is None else default.name


def attribution_of(body: JSON, told: Attribution) -> Attribution:
    """Add what the body says to what the headers say; the body goes first."""
    tags = told.tags
    if (priority := body.get("priority")) is not None and priority != "":
        tags = (*tags, f"priority:{priority}")
    return Attribution(
        end_user=body.get("userId") or told.end_user,
        feature=body.get("feature") or told.feature,
        feature_id=body.get("featureId") or told.feature_id,
        tags=tags,
    )


def _alias_for(task: str, project: ProjectRecord, catalog: Catalog) -> str:
    """Return the project's route for a task, else the alias of the same name."""
    if route := project.task_routes.get(task):
        return route
    return task if task in project.aliases or task in catalog.aliases else ""


def _leads_to(
    name: str, provider: str, project: ProjectRecord, catalog: Catalog
) -> bool:
    if not name:
        return False
    members = choice_for(name, project, catalog).members
    return any(model.provider.slug == provider for model, _, _ in members)
