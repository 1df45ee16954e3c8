"""How the routes of end users are described."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from gateway.control.pages import page_parameters
from gateway.end_users.serializers import (
    BudgetsSerializer,
    CredentialSerializer,
    EndUserPage,
    EndUserSerializer,
    LimitsSerializer,
    NewCredentialSerializer,
)
from gateway.openapi.rest import Routes

_TAG = "End users"
_WHEN = {
    400: "A field is not valid; `error.fields` names it. Code: `invalid_request`.",
    401: "The key is missing, unknown, expired or revoked. Code: `invalid_api_key`.",
    403: "The key lacks the scope `end_users`. Code: `permission_denied`.",
    404: "The project has no such end user. Code: `not_found`.",
    409: "There is such a row already. Code: `conflict`.",
}
_USER = {
    "external_id": "user-17",
    "name": "Ada",
    "default_model": "smart",
    "preferred_provider": "azure",
    "active": True,
    "credentials": [
        {
            "provider": "azure",
            "base_url": "https://ada.openai.azure.com",
            "deployments": {"gpt-4o": "adas-gpt"},
            "last_four": "9f3A",
            "status": "active",
            "created_at": "2026-01-01T09:00:00Z",
        }
    ],
    "created_at": "2026-01-01T09:00:00Z",
}
_LIMIT = {
    "metric": "requests",
    "amount": 20,
    "per": "minute",
    "alias": "",
    "shadow": False,
    "active": True,
}
_BUDGET = {
    "amount_usd": "5.0000",
    "per": "month",
    "mode": "hard",
    "warn_at": [50, 80, 95],
    "alias": "",
    "active": True,
}

_operation = Routes(_TAG, _WHEN).operation


def _page(row: Any) -> dict[str, Any]:
    return {"next": None, "previous": None, "results": [row]}


_GONE = {204: OpenApiResponse(None, "It is gone.")}
_PARAMETERS = tuple(
    OpenApiParameter(each["name"], str, "query", description=each["description"])
    for each in page_parameters(("-id", "external_id", "created_at"))
)

LIST = _operation(
    "end_users_list",
    "List the project's end users",
    {200: EndUserPage},
    400,
    row=_page(_USER),
    parameters=_PARAMETERS,
)
CREATE = _operation(
    "end_users_create",
    "Add an end user",
    {201: EndUserSerializer},
    400,
    409,
    request=EndUserSerializer,
    body={"external_id": "user-17", "name": "Ada", "default_model": "smart"},
    row=_USER,
)
SHOW = _operation(
    "end_users_show", "Show an end user", {200: EndUserSerializer}, 404, row=_USER
)
CHANGE = _operation(
    "end_users_change",
    "Change an end user",
    {200: EndUserSerializer},
    400,
    404,
    request=EndUserSerializer(partial=True),
    body={"active": False},
    row=_USER,
)
DELETE = _operation(
    "end_users_delete",
    "Delete an end user, with limits, budgets and credentials",
    _GONE,
    404,
)
PUT_CREDENTIAL = _operation(
    "end_users_put_credential",
    "Store a credential that the end user brings",
    {200: CredentialSerializer},
    400,
    404,
    request=NewCredentialSerializer,
    body={
        "provider": "azure",
        "value": "…",
        "base_url": "https://ada.openai.azure.com",
        "deployments": {"gpt-4o": "adas-gpt"},
    },
    row=_USER["credentials"][0],  # type: ignore[index]
)
DELETE_CREDENTIAL = _operation(
    "end_users_delete_credential",
    "Delete what the end user brought",
    _GONE,
    404,
    parameters=(
        OpenApiParameter(
            "provider", str, "query", description="Only for this one; left out: all."
        ),
    ),
)
LIMITS = _operation(
    "end_users_limits",
    "Show an end user's own limits",
    {200: LimitsSerializer},
    404,
    row={"results": [_LIMIT]},
)
PUT_LIMITS = _operation(
    "end_users_put_limits",
    "Replace an end user's own limits, all of them",
    {200: LimitsSerializer},
    400,
    404,
    request=LimitsSerializer,
    body={"results": [_LIMIT]},
    row={"results": [_LIMIT]},
)
BUDGETS = _operation(
    "end_users_budgets",
    "Show an end user's own budgets",
    {200: BudgetsSerializer},
    404,
    row={"results": [_BUDGET]},
)
PUT_BUDGETS = _operation(
    "end_users_put_budgets",
    "Replace an end user's own budgets, all of them",
    {200: BudgetsSerializer},
    400,
    404,
    request=BudgetsSerializer,
    body={"results": [_BUDGET]},
    row={"results": [_BUDGET]},
)
