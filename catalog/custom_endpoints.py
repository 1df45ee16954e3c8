"""A project's own server that speaks as OpenAI does: all its rows in one call."""

from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from catalog.models import AIModel, Credential, Endpoint, Price, Provider
from catalog.protocols import Capability, Operation, WireProtocol
from tenants.models import Project

# Where servers of this kind serve each operation, after the path of their base URL.
PATHS = {
    Operation.CHAT: "/chat/completions",
    Operation.RESPONSES: "/responses",
    Operation.EMBEDDINGS: "/embeddings",
}
_DEFAULT_PATH = "/v1"
_CAPABILITIES = {
    Operation.CHAT: Capability.TEXT,
    Operation.RESPONSES: Capability.TEXT,
    Operation.EMBEDDINGS: Capability.EMBEDDINGS,
}
_MAX_SLUG = 63
_LOADING_S = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCustomEndpoint:
    """What is known of it. `key` empty: it wants none. A price of None: not known.

    `base_url` is what clients of the server are told, with the version path or without.
    """

    project: Project
    name: str
    base_url: str
    model_id: str
    key: str = ""
    operations: tuple[str, ...] = (Operation.CHAT.value,)
    context_window: int | None = None
    input_usd_per_million: Decimal | None = None
    output_usd_per_million: Decimal | None = None
    allow_private_addresses: bool = False


@transaction.atomic
def create_custom_endpoint(wanted: NewCustomEndpoint) -> Provider:
    """Create provider, endpoints, credential, model and prices.

    Raises ValidationError, with what is wrong by field, and creates nothing then.
    """
    provider = provider_of(wanted)
    provider.full_clean()
    provider.save()
    path = version_path(wanted.base_url)
    for operation in wanted.operations:
        endpoint = Endpoint(
            provider=provider,
            operation=operation,
            pattern=path + PATHS[Operation(operation)],
        )
        endpoint.full_clean()
        endpoint.save()
    if wanted.key:
        credential = Credential(provider=provider, project=wanted.project)
        credential.put(wanted.key)
        credential.save()
    capabilities = dict.fromkeys(
        _CAPABILITIES[Operation(each)].value for each in wanted.operations
    )
    model = AIModel(
        provider=provider,
        project=wanted.project,
        model_id=wanted.model_id,
        operations=list(wanted.operations),
        capabilities=list(capabilities),
        context_window=wanted.context_window,
    )
    model.full_clean()
    model.save()
    _add_prices(model, wanted)
    return provider


def provider_of(wanted: NewCustomEndpoint) -> Provider:
    """Return the provider, not saved."""
    parts = urlsplit(wanted.base_url)
    return Provider(
        slug=_free_slug(wanted),
        name=wanted.name,
        project=wanted.project,
        base_url=f"{parts.scheme}://{parts.netloc}"
        if parts.netloc
        else wanted.base_url,
        handler=WireProtocol.OPENAI_CHAT,
        auth="bearer" if wanted.key else "none",
        allow_private_addresses=wanted.allow_private_addresses,
        rename_params={"max_completion_tokens": "max_tokens"},
        first_byte_timeout_s=_LOADING_S,
        total_timeout_s=3 * _LOADING_S,
    )


def version_path(base_url: str) -> str:
    """Return the path that stands before those of the operations."""
    parts = urlsplit(base_url)
    if parts.query or parts.fragment:
        msg = "A base URL holds no query or fragment."
        raise ValidationError({"base_url": msg})
    return parts.path.rstrip("/") or _DEFAULT_PATH


def _free_slug(wanted: NewCustomEndpoint) -> str:
    slug = slugify(f"{wanted.project.slug}-{wanted.name}") or wanted.project.slug
    slug = slug[: _MAX_SLUG - 3].strip("-")
    taken = set(
        Provider.objects.filter(slug__startswith=slug).values_list("slug", flat=True)
    )
    numbered = (f"{slug}-{number}" for number in range(2, len(taken) + 3))
    return next(each for each in (slug, *numbered) if each not in taken)


def _add_prices(model: AIModel, wanted: NewCustomEndpoint) -> None:
    for component, usd in (
        ("input", wanted.input_usd_per_million),
        ("output", wanted.output_usd_per_million),
    ):
        if usd is not None:
            price = Price(
                model=model,
                component=component,
                per_million=usd,
                valid_from=timezone.now(),
            )
            price.full_clean()
            price.save()
