"""Why a model cannot serve a request: each reason has a code and its words."""

from decimal import Decimal

from catalog.protocols import WireProtocol, served_by
from gateway.adapters.openai_chat import must_bridge
from gateway.configuration.records import (
    AliasRecord,
    CredentialRecord,
    EndpointRecord,
    EndUserRecord,
    ModelRecord,
    ProjectRecord,
)
from gateway.selection.estimates import estimate_for
from gateway.selection.text_tokens import family_factor
from gateway.types import InferenceRequest, PriceBound
from usage.costs import FREE, PriceSheet

Reason = tuple[str, str]

_RESPONSES = WireProtocol.OPENAI_RESPONSES.value
_MILLION = 1_000_000
# Tokens are estimated: who is passed over for its window is short of it by more.
_TOLERANCE = 0.9


def endpoint_for(
    model: ModelRecord, request: InferenceRequest
) -> EndpointRecord | None:
    """Return where the model is asked; None when it does not serve the operation.

    One that speaks the client's dialect goes first, for nothing is lost in relaying.
    What a provider serves only as Responses is asked for there.
    """
    endpoints = [
        endpoint
        for operation in served_by(request.operation)
        if operation in model.operations
        for endpoint in model.provider.endpoints.get(operation, ())
    ]
    if len(endpoints) < 2:
        return endpoints[0] if endpoints else None
    bridge = next((e for e in endpoints if e.handler == _RESPONSES), None)
    if bridge is not None and must_bridge(
        model.model_id, has_tools="tools" in request.fields, effort=request.effort
    ):
        return bridge
    for endpoint in endpoints:
        if endpoint.handler == request.dialect:
            return endpoint
    return endpoints[0]


def credential_for(
    model: ModelRecord, project: ProjectRecord, end_user: EndUserRecord | None = None
) -> CredentialRecord | None:
    """Return the end user's credential, else the project's, the platform's, or None."""
    if end_user is not None and (
        brought := end_user.credentials.get(model.provider.id)
    ):
        return brought[0]
    own = project.credentials.get(model.provider.id)
    credentials = own or model.provider.credentials
    return credentials[0] if credentials else None


def no_endpoint(model: ModelRecord, request: InferenceRequest) -> Reason:
    """Return why there is nowhere to ask the model."""
    operation = request.operation
    if model.operations.isdisjoint(served_by(operation)):
        return "operation", f"it does not serve {operation}"
    return "endpoint", f"{model.provider.slug} has no endpoint for {operation}"


def refused_by_rule(
    model: ModelRecord,
    alias: AliasRecord | None,
    request: InferenceRequest,
    project: ProjectRecord,
    credential: CredentialRecord | None = None,
) -> Reason | None:
    """Return which rule of the project, the alias or the request the model breaks."""
    provider = model.provider
    wanted = request.preferences
    required = wanted.capabilities
    if alias is not None:
        required |= alias.required_capabilities
    if not required <= model.capabilities:
        return "capability", f"it lacks {_listed(required - model.capabilities)}"
    if project.allowed_regions and provider.region not in project.allowed_regions:
        return "residency_violation", "the project's data may not go to its region"
    if project.allowed_regions and credential is not None and credential.base_url:
        return "residency_violation", "where the end user's own server is is not known"
    for region in (wanted.region, alias.region if alias else ""):
        if region and provider.region != region:
            return "region", f"it is not in {region}"
    if wanted.only and provider.slug not in wanted.only:
        return "only", "the request names other providers"
    if provider.slug in wanted.ignore:
        return "ignore", "the request ignores its provider"
    return None


def unusable(
    model: ModelRecord,
    credential: CredentialRecord | None,
    prices: PriceSheet | None,
    project: ProjectRecord,
) -> Reason | None:
    """Return what an operator has to add before the model can be asked."""
    if credential is None and model.provider.auth_kind != "none":
        return "not_configured", f"{model.provider.slug} has no usable credential"
    if prices is None and not project.allow_unpriced:
        return "unpriced_model", "it has no price"
    return None


def refused_by_price(
    model: ModelRecord,
    prices: PriceSheet | None,
    request: InferenceRequest,
    input_tokens: int,
) -> Reason | None:
    """Return which bound on money the model is above; not known is above."""
    if prices is FREE:
        return None
    bound = request.preferences.max_price
    if bound is not None and not _is_within(bound, prices, input_tokens):
        return "max_price", "its price is above the request's max_price, or not known"
    most = request.max_cost_usd
    if most is None:
        return None
    expected = estimate_for(request, input_tokens, model, prices).expected_usd
    if expected is None:
        return "max_cost", "what it would cost is not known"
    if expected > most:
        return "max_cost", f"it would cost about {usd(expected)} USD"
    return None


def doubt_about(
    model: ModelRecord,
    needs: frozenset[str],
    sent: int,
    max_output_tokens: int | None,
) -> Reason | None:
    """Return why the model may not be able to serve the request, as it seems from here.

    The catalog need not know all that a model can do, and tokens are estimated, so this
    rules a model out only where another leaves no doubt.
    """
    if not needs <= model.capabilities:
        return "capability", f"it lacks {_listed(needs - model.capabilities)}"
    window = model.context_window
    if window is None:
        return None
    needed = sent * family_factor(model.model_id) * _TOLERANCE
    if needed + (max_output_tokens or 0) > window:
        return "context_window", f"its window of {window} tokens is too small"
    return None


def usd(amount: Decimal) -> str:
    """Return an amount as people write it."""
    return f"{amount.normalize():f}"


def _is_within(bound: PriceBound, prices: PriceSheet | None, input_tokens: int) -> bool:
    if prices is None:
        return False
    rates = prices.tier_for(input_tokens).rates
    for component, most in (("input", bound.input), ("output", bound.output)):
        if most is None:
            continue
        rate = rates.get(component)
        if rate is None or rate.usd * _MILLION > most:
            return False
    return True


def _listed(capabilities: frozenset[str]) -> str:
    return ", ".join(sorted(capabilities))
