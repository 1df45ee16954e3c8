"""A small catalog that all share, as the API makes it."""

from dataclasses import dataclass

from gateway.control.urls import RESOURCES
from tests.gateway.control.calling import Caller

# In the order in which their examples refer to one another.
CONFIGURED = [
    "organizations",
    "providers",
    "endpoints",
    "models",
    "prices",
    "aliases",
    "projects",
    "keys",
    "end-users",
    "limits",
    "budgets",
    "credentials",
    "memberships",
    "report-definitions",
    "alert-rules",
    "alert-silences",
]


@dataclass(frozen=True)
class Examples:
    """What was answered for each example, and the owner who made them."""

    platform: Caller
    rows: dict[str, dict[str, object]]


def create(caller: Caller, resource: str, /, **changes: object) -> dict[str, object]:
    """Create a row from the resource's example, and return it as it is answered."""
    viewset = RESOURCES[resource]
    body = {**viewset.example_body, **changes}  # type: ignore[attr-defined]
    answer = caller.post(f"{resource}/", body)
    assert answer.status_code == 201, answer.content
    row: dict[str, object] = answer.json()
    return row


def create_examples(caller: Caller) -> dict[str, dict[str, object]]:
    """Create a row of every kind, as the schema's examples say."""
    rows = {"organizations": create(caller, "organizations")}
    for resource in CONFIGURED[1:]:
        if resource == "aliases":
            create(caller, "providers", slug="other")
            create(caller, "models", provider="other", model_id="model-3")
            create(caller, resource, name="smart")
        rows[resource] = create(caller, resource)
    return rows
