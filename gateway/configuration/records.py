"""The configuration as requests see it: frozen records, built once, read many times."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Network, IPv6Network
from typing import Any, Final, Protocol

from tenants.context.scopes import ScopeRules
from tenants.encryption import Secret
from usage.costs import PriceSheet

Network = IPv4Network | IPv6Network


class Missing(Enum):
    """The answer for what is known not to exist."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING


@dataclass(frozen=True, slots=True)
class Timeouts:
    connect_s: float
    first_byte_s: float
    idle_s: float
    total_s: float


@dataclass(frozen=True, slots=True)
class EndpointRecord:
    id: int
    operation: str
    pattern: str
    handler: str
    priority: int


@dataclass(frozen=True, slots=True)
class Caps:
    """What a provider grants a credential: in a minute, and at the same time."""

    requests: int | None
    tokens: int | None
    concurrency: int | None


@dataclass(frozen=True, slots=True)
class CredentialRecord:
    """`base_url` and `deployments` stand in place of the provider's, where they are given.

    `is_own`: it was brought by an end user, who pays for its use.
    """

    id: int
    secret: Secret | None
    caps: Caps | None = None
    is_own: bool = False
    base_url: str = ""
    deployments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProviderRecord:
    """`endpoints` by operation, first choice first; the platform's `credentials`."""

    id: int
    slug: str
    name: str
    base_url: str
    region: str
    auth_kind: str
    auth_name: str
    headers: tuple[tuple[str, str], ...]
    drop_params: frozenset[str]
    rename_params: Mapping[str, str]
    add_params: Mapping[str, Any]
    reports_cost: bool
    timeouts: Timeouts
    allow_private_addresses: bool
    endpoints: Mapping[str, tuple[EndpointRecord, ...]]
    credentials: tuple[CredentialRecord, ...]


# Prices with the moment from which they apply, the newest first.
Sheets = tuple[tuple[float, PriceSheet | None], ...]


@dataclass(frozen=True, slots=True)
class ModelRecord:
    id: int
    provider: ProviderRecord
    model_id: str
    operations: frozenset[str]
    capabilities: frozenset[str]
    context_window: int | None
    max_output_tokens: int | None
    expected_latency_ms: int | None
    deprecated_on: date | None
    prices: Sheets
    successor_id: int | None = None

    @property
    def name(self) -> str:
        return f"{self.provider.slug}/{self.model_id}"

    def sheet_at(self, now: float) -> PriceSheet | None:
        """Return the prices in force at that moment; None when there are none."""
        for valid_from, sheet in self.prices:
            if valid_from <= now:
                return sheet
        return None


@dataclass(frozen=True, slots=True)
class TargetRecord:
    """A model, or another alias, each by its row's id."""

    model_id: int | None
    via_id: int | None
    priority: int
    weight: int


@dataclass(frozen=True, slots=True)
class AliasRecord:
    id: int
    name: str
    operation: str
    strategy: str
    required_capabilities: frozenset[str]
    region: str
    defaults: Mapping[str, Any]
    targets: tuple[TargetRecord, ...]
    sticky: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelIndex:
    """Models by row, by full name and by the provider's id."""

    models: Mapping[int, ModelRecord] = field(default_factory=dict)
    models_by_name: Mapping[str, ModelRecord] = field(default_factory=dict)
    models_by_id: Mapping[str, tuple[ModelRecord, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog(ModelIndex):
    """Everything that all projects share, as of one configuration version.

    `aliases` are those without a project, by name. `fine_tunes` are the ids of all
    fine-tuned models that have a row, private and inactive ones among them.
    """

    version: int = 0
    loaded_at: float = 0.0
    providers: Mapping[str, ProviderRecord] = field(default_factory=dict)
    fine_tunes: frozenset[str] = frozenset()
    aliases: Mapping[str, AliasRecord] = field(default_factory=dict)
    aliases_by_pk: Mapping[int, AliasRecord] = field(default_factory=dict)


class PrivateModels(Protocol):
    """The models that are private to a project."""

    def __contains__(self, model_pk: int, /) -> bool: ...

    def within(self, catalog: Catalog) -> ModelIndex:
        """Return those whose provider is there."""
        ...


@dataclass(frozen=True, slots=True)
class LimitRecord:
    """`per_s` is 0 for concurrency; `key_pk` None means all keys of the project.

    `alias` empty: whatever is named. `end_user_pk` None: all end users together, or each
    apart where it says `each_end_user`. In `shadow` mode it refuses nothing.
    """

    id: int
    metric: str
    amount: int
    per_s: int
    key_pk: int | None
    end_user_pk: int | None = None
    each_end_user: bool = False
    alias: str = ""
    shadow: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether it holds for every request of its project or key, and is enforced."""
        return not (self.end_user_pk or self.each_end_user or self.alias or self.shadow)


@dataclass(frozen=True, slots=True)
class BudgetRecord:
    """`key_pk` None means all keys; `end_user` and `alias` empty mean all of them.

    `of_organization`: all its projects share it. `time_zone` is that of its days.
    """

    id: int
    amount_nano: int
    per: str
    mode: str
    time_zone: str
    key_pk: int | None = None
    end_user: str = ""
    each_end_user: bool = False
    alias: str = ""
    of_organization: bool = False


@dataclass(frozen=True, slots=True)
class ProjectRecord:
    """Its project-wide `limits`, own `aliases`, own `credentials` by provider id."""

    id: int
    slug: str
    organization_id: int
    default_alias: str
    cache: Mapping[str, Any]
    auto_approve_threshold_usd: Decimal | None
    allowed_regions: frozenset[str]
    task_routes: Mapping[str, str]
    allow_unpriced: bool
    strict_params: bool
    capture: bool
    capture_retention_days: int
    capture_redactions: tuple[str, ...]
    limits: tuple[LimitRecord, ...]
    aliases: Mapping[str, AliasRecord]
    aliases_by_pk: Mapping[int, AliasRecord]
    credentials: Mapping[int, tuple[CredentialRecord, ...]]
    own_models: PrivateModels | None = None
    fallback_on_content_policy: bool = False
    strategy: str = ""
    # Answers asked for before these moments are not given again; by what was purged.
    cache_purges: Mapping[str, float] = field(default_factory=dict)
    # Its own and its organization's.
    budgets: tuple[BudgetRecord, ...] = ()
    # In place of the ready ones, or besides them; by name.
    context_scopes: Mapping[str, ScopeRules] = field(default_factory=dict)
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key that was not revoked when it was read; `scopes` empty: every operation.

    `aliases` empty: it may name whatever there is. `networks` empty: it may be used from
    anywhere. `holder_pk` is the key whose limits and budgets count: its own id, or that
    of the newest key that it was rotated to.
    """

    pk: int
    key_id: str
    digest: bytes
    project: ProjectRecord
    scopes: frozenset[str]
    expires_at: float | None
    limits: tuple[LimitRecord, ...]
    aliases: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()
    holder_pk: int = 0


@dataclass(frozen=True, slots=True)
class EndUserRecord:
    """An end user that its project told us of; own `credentials` by provider id."""

    pk: int
    project_id: int
    name: str
    active: bool
    default_model: str
    preferred_provider: str
    limits: tuple[LimitRecord, ...]
    credentials: Mapping[int, tuple[CredentialRecord, ...]]
    budgets: tuple[BudgetRecord, ...] = ()
    # What the user is called, for the context of requests.
    display_name: str = field(default="", repr=False)
