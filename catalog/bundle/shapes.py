"""The sections of a bundle: their fields, defaults and natural keys."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from catalog.bundle import values
from catalog.bundle.values import Reader
from catalog.models.credential import CAPS
from catalog.protocols import (
    Capability,
    Operation,
    PriceComponent,
    WireProtocol,
)
from tenants.context.scopes import (
    BY_TIME,
    DEFAULT_ENTRY_TEMPLATE,
    DEFAULT_TEMPLATE,
    NEWEST_FIRST,
)
from tenants.models import Budget, ContextScope, Limit
from tenants.models.budget import default_warn_at
from tenants.models.project import default_cache
from tenants.strategies import Strategy

REQUIRED = object()

TIMEOUTS = {"connect_s": 5.0, "first_byte_s": 60.0, "idle_s": 60.0, "total_s": 600.0}
DEFAULT_ORGANIZATION = "default"
DEFAULT_CREDENTIAL = "default"

handler = values.one_of(
    WireProtocol.values, "handler", {"openai": WireProtocol.OPENAI_CHAT.value}
)
operation = values.one_of(Operation.values, "operation")
capability = values.one_of(Capability.values, "capability")
_strategy = values.one_of(Strategy.values, "strategy")


def strategy(value: Any) -> str:
    """Read a strategy; empty leaves it to the next who has one."""
    return _strategy(value) if value else ""


@dataclass(frozen=True, slots=True)
class Field:
    """What a field takes, and what it is when the file leaves it out."""

    read: Reader
    default: Any = REQUIRED

    def default_for(self, item: Mapping[str, Any]) -> Any:
        return self.default(item) if callable(self.default) else self.default


@dataclass(frozen=True, slots=True)
class Shape:
    """One section: `key` are the fields that name an item among its siblings.

    `children` are lists inside an item. A list that is `whole` is the complete list;
    the others add and change, and remove only when the bundle is applied with prune.
    """

    kind: str
    key: tuple[str, ...]
    fields: Mapping[str, Field]
    children: Mapping[str, "Shape"] = field(default_factory=dict)
    is_whole: bool = False
    is_required: bool = False


def _slug_of(item: Mapping[str, Any]) -> Any:
    return item.get("slug", "")


def _default_cache() -> dict[str, Any]:
    return {**default_cache(), "all": False, "context": False}


def _copy_of(make: Callable[[], Any]) -> Callable[[Mapping[str, Any]], Any]:
    return lambda _: make()


_EMPTY_LIST = _copy_of(list)
_EMPTY_MAPPING = _copy_of(dict)

_SCOPE = {
    "key": Field(values.optional(values.required_text), None),
    "end_user": Field(values.optional(values.required_text), None),
    "each_end_user": Field(values.boolean, False),
    "alias": Field(values.text, ""),
}

LIMIT = Shape(
    kind="limit",
    key=("metric", "per", *_SCOPE),
    fields={
        "metric": Field(values.one_of(Limit.Metric.values, "metric")),
        "amount": Field(values.whole),
        "per": Field(values.one_of(["", *Limit.Per.values], "period"), ""),
        **_SCOPE,
        "shadow": Field(values.boolean, False),
        "active": Field(values.boolean, True),
    },
)
_MONEY = {
    "amount_usd": Field(values.amount),
    "per": Field(values.one_of(Budget.Per.values, "period"), "month"),
    "mode": Field(values.one_of(Budget.Mode.values, "mode"), "hard"),
    "warn_at": Field(values.list_of(values.whole), _copy_of(default_warn_at)),
    "active": Field(values.boolean, True),
}
BUDGET = Shape(kind="budget", key=("per", "mode", *_SCOPE), fields={**_MONEY, **_SCOPE})
ORGANIZATION_BUDGET = Shape(
    kind="organization_budget", key=("per", "mode"), fields=_MONEY
)
CONTEXT_SCOPE = Shape(
    kind="context_scope",
    key=("name",),
    fields={
        "name": Field(values.required_text),
        "kinds": Field(values.list_of(values.json_value), _EMPTY_LIST),
        "token_budget": Field(values.whole, 2_000),
        "order": Field(values.one_of(ContextScope.Order.values, "order"), NEWEST_FIRST),
        "selection": Field(
            values.one_of(ContextScope.Selection.values, "selection"), BY_TIME
        ),
        "template": Field(values.required_text, DEFAULT_TEMPLATE),
        "entry_template": Field(values.required_text, DEFAULT_ENTRY_TEMPLATE),
    },
)
PRICE = Shape(
    kind="price",
    key=("component", "min_input_tokens", "valid_from"),
    fields={
        "component": Field(values.one_of(PriceComponent.values, "component")),
        "min_input_tokens": Field(values.whole, 0),
        "valid_from": Field(values.moment),
        "per_million": Field(values.optional(values.amount), None),
        "per_unit": Field(values.optional(values.amount), None),
    },
)
TARGET = Shape(
    kind="target",
    key=("model", "via"),
    fields={
        "model": Field(values.optional(values.required_text), None),
        "via": Field(values.json_value, None),
        "priority": Field(values.whole, 1),
        "weight": Field(values.whole, 100),
        "active": Field(values.boolean, True),
    },
    is_whole=True,
    is_required=True,
)

SECTIONS: dict[str, Shape] = {
    "organizations": Shape(
        kind="organization",
        key=("slug",),
        fields={
            "slug": Field(values.required_text),
            "name": Field(values.required_text, _slug_of),
            "active": Field(values.boolean, True),
            "time_zone": Field(values.required_text, "UTC"),
        },
        children={"budgets": ORGANIZATION_BUDGET},
    ),
    "providers": Shape(
        kind="provider",
        key=("slug",),
        fields={
            "slug": Field(values.required_text),
            "name": Field(values.required_text, _slug_of),
            "project": Field(values.optional(values.required_text), None),
            "base_url": Field(values.required_text),
            "handler": Field(handler),
            "auth": Field(values.required_text, "bearer"),
            "credential": Field(values.optional(values.env_reference), None),
            "region": Field(values.text, ""),
            "active": Field(values.boolean, True),
            "allow_private_addresses": Field(values.boolean, False),
            "headers": Field(values.mapping(values.text), _EMPTY_MAPPING),
            "drop_params": Field(values.list_of(values.required_text), _EMPTY_LIST),
            "rename_params": Field(
                values.mapping(values.required_text), _EMPTY_MAPPING
            ),
            "add_params": Field(values.mapping(values.json_value), _EMPTY_MAPPING),
            "health_check": Field(values.text, ""),
            "reports_cost": Field(values.boolean, False),
            "timeouts": Field(
                values.record({n: (values.seconds, v) for n, v in TIMEOUTS.items()}),
                _copy_of(TIMEOUTS.copy),
            ),
        },
    ),
    "credentials": Shape(
        kind="credential",
        key=("provider", "project", "name"),
        fields={
            "provider": Field(values.required_text),
            "project": Field(values.optional(values.required_text), None),
            "name": Field(values.required_text, DEFAULT_CREDENTIAL),
            "credential": Field(values.env_reference),
            "active": Field(values.boolean, True),
            **{cap: Field(values.optional(values.whole), None) for cap in CAPS},
        },
    ),
    "endpoints": Shape(
        kind="endpoint",
        key=("provider", "operation", "pattern"),
        fields={
            "provider": Field(values.required_text),
            "operation": Field(operation),
            "pattern": Field(values.required_text),
            "handler": Field(lambda value: handler(value) if value else "", ""),
            "priority": Field(values.whole, 10),
            "active": Field(values.boolean, True),
        },
    ),
    "models": Shape(
        kind="model",
        key=("provider", "model_id"),
        fields={
            "provider": Field(values.required_text),
            "model_id": Field(values.required_text),
            "project": Field(values.optional(values.required_text), None),
            "operations": Field(values.list_of(operation), _copy_of(lambda: ["chat"])),
            "context_window": Field(values.optional(values.whole), None),
            "max_output_tokens": Field(values.optional(values.whole), None),
            "capabilities": Field(
                values.list_of(capability), _copy_of(lambda: ["text"])
            ),
            "expected_latency_ms": Field(values.optional(values.whole), None),
            "active": Field(values.boolean, True),
            "deprecated_on": Field(values.optional(values.day), None),
            "successor": Field(values.optional(values.required_text), None),
        },
        children={"prices": PRICE},
    ),
    "projects": Shape(
        kind="project",
        key=("slug",),
        fields={
            "slug": Field(values.required_text),
            "organization": Field(values.required_text, DEFAULT_ORGANIZATION),
            "name": Field(values.required_text, _slug_of),
            "active": Field(values.boolean, True),
            "default_alias": Field(values.text, ""),
            "strategy": Field(strategy, ""),
            "cache": Field(
                values.record(
                    {
                        "enabled": (values.boolean, default_cache()["enabled"]),
                        "ttl_s": (values.whole, default_cache()["ttl_s"]),
                        "all": (values.boolean, False),
                        "context": (values.boolean, False),
                    }
                ),
                _copy_of(_default_cache),
            ),
            "auto_approve_threshold_usd": Field(values.optional(values.amount), None),
            "allowed_regions": Field(values.list_of(values.required_text), _EMPTY_LIST),
            "task_routes": Field(values.mapping(values.required_text), _EMPTY_MAPPING),
            "allow_unpriced": Field(values.boolean, False),
            "strict_params": Field(values.boolean, False),
            "fallback_on_content_policy": Field(values.boolean, False),
            "capture": Field(values.boolean, False),
            "capture_retention_days": Field(values.whole, 30),
            "capture_redactions": Field(
                values.list_of(values.required_text), _EMPTY_LIST
            ),
            "time_zone": Field(values.required_text, "UTC"),
        },
        children={
            "limits": LIMIT,
            "budgets": BUDGET,
            "context_scopes": CONTEXT_SCOPE,
        },
    ),
    "aliases": Shape(
        kind="alias",
        key=("project", "name"),
        fields={
            "name": Field(values.required_text),
            "project": Field(values.optional(values.required_text), None),
            "operation": Field(operation, "chat"),
            "strategy": Field(strategy, Strategy.PRIORITY.value),
            "sticky": Field(values.boolean, False),
            "required_capabilities": Field(values.list_of(capability), _EMPTY_LIST),
            "region": Field(values.text, ""),
            "defaults": Field(values.mapping(values.json_value), _EMPTY_MAPPING),
            "active": Field(values.boolean, True),
        },
        children={"targets": TARGET},
    ),
}
