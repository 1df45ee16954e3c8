"""How the routes of context are described."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from gateway.context.api.parsing import MAX_AT_ONCE, MAX_CONTENT_BYTES
from gateway.control.pages import page_parameters
from gateway.openapi.rest import Routes

_TAG = "Context of end users"
_WHEN = {
    400: "A field is not valid; `error.fields` names each. Code: `invalid_request`.",
    401: "The key is missing, unknown, expired or revoked. Code: `invalid_api_key`.",
    403: "The key lacks the scope `context`. Code: `permission_denied`.",
    404: "The project has no such entry. Code: `not_found`.",
    409: "Another request wrote the same entry. Code: `conflict`.",
    503: "What is kept cannot be opened or read now. Code: `unavailable`.",
}
_TEXT: dict[str, Any] = {"type": "string"}
_MOMENT = {"type": "string", "format": "date-time"}
_NUMBER = {"type": "integer"}
_NULL_MOMENT = {"type": ["string", "null"], "format": "date-time"}


def _object(required: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": required.split(),
        "properties": properties,
    }


_WRITTEN = {
    "userId": {**_TEXT, "description": "The end user, by the project's own id."},
    "kind": {**_TEXT, "description": "A slug of the project's choice."},
    "content": {
        "description": f"Text or JSON, at most {MAX_CONTENT_BYTES:,} bytes. Sealed."
    },
    "occurredAt": {**_MOMENT, "description": "Left out: now."},
    "expiresAt": {**_NULL_MOMENT, "description": "From then on it is not used."},
    "sourceId": {
        "type": ["string", "null"],
        "description": "The project's own id of it: written again, it is replaced.",
    },
}
_NEW = _object("userId kind content", **_WRITTEN)
_ENTRY = _object(
    "id userId kind content occurredAt expiresAt sourceId tokens createdAt updatedAt",
    id={"type": "string", "format": "uuid"},
    **_WRITTEN,
    tokens={**_NUMBER, "description": "About how long it is."},
    createdAt=_MOMENT,
    updatedAt=_MOMENT,
)
_RECEIPT = _object(
    "id subject erasedAt via counts digest",
    id={"type": "string", "format": "uuid"},
    subject={
        **_TEXT,
        "description": "Stands for the user, and can be made with the project's key alone.",
    },
    erasedAt=_MOMENT,
    via=_TEXT,
    counts={"type": "object", "additionalProperties": _NUMBER},
    digest=_TEXT,
)
_SHOWN = {
    "id": "019aa7c2-5a60-7c31-9d53-0f4b1c5e2a10",
    "userId": "user-17",
    "kind": "feels",
    "content": {"mood": "calm", "score": 7},
    "occurredAt": "2026-01-01T09:00:00Z",
    "expiresAt": None,
    "sourceId": "feel-981",
    "tokens": 9,
    "createdAt": "2026-01-01T09:00:05Z",
    "updatedAt": "2026-01-01T09:00:05Z",
}
_ASKED = {n: _SHOWN[n] for n in ("userId", "kind", "content", "occurredAt", "sourceId")}
_RECEIVED = {
    "id": "019aa7c9-10b4-7e0e-8a61-5f9b0d6f7c22",
    "subject": "5f0c…",
    "erasedAt": "2026-01-02T10:00:00Z",
    "via": "context_api",
    "counts": {"keys": 1, "entries": 42, "captured_texts": 3},
    "digest": "9b1d…",
}
_RANGE = _object("", start=_TEXT, end=_TEXT)
_KINDS = {"type": "array", "items": _TEXT}


_routes = Routes(_TAG, _WHEN)


def _operation(
    name: str, summary: str, answers: dict[int, Any], *refusals: int, **more: Any
) -> dict[str, Any]:
    """Describe one of them; its `request` is a schema of JSON."""
    if "request" in more:
        more["request"] = {"application/json": more["request"]}
    return _routes.operation(name, summary, answers, *refusals, **more)


def _query(name: str, description: str, *, required: bool = False) -> OpenApiParameter:
    return OpenApiParameter(
        name, str, "query", required=required, description=description
    )


LIST = _operation(
    "context_entries_list",
    "List an end user's entries",
    {
        200: _object(
            "next previous results",
            next={"type": ["string", "null"]},
            previous={"type": ["string", "null"]},
            results={"type": "array", "items": _ENTRY},
        )
    },
    400,
    503,
    row={"next": None, "previous": None, "results": [_SHOWN]},
    parameters=(
        _query("userId", "The end user.", required=True),
        _query("kind", "Only of this kind; several may be named."),
        _query("since", "Only what occurred then or later."),
        _query("until", "Only what occurred before."),
        *(
            OpenApiParameter(p["name"], str, "query", description=p["description"])
            for p in page_parameters(("-occurred_at", "created_at"))
        ),
    ),
)
CREATE = _operation(
    "context_entries_write",
    "Write one entry, or many at once",
    {
        200: OpenApiResponse(
            _object(
                "success entries",
                success={"type": "boolean"},
                entries={"type": "array", "items": {"type": "object"}},
            ),
            "They are written; or the one entry replaced an earlier one.",
        ),
        201: _ENTRY,
    },
    400,
    409,
    request={
        "oneOf": [
            _NEW,
            _object(
                "entries",
                entries={"type": "array", "items": _NEW, "maxItems": MAX_AT_ONCE},
            ),
        ]
    },
    body={"entries": [_ASKED]},
)
SHOW = _operation(
    "context_entries_show", "Show an entry", {200: _ENTRY}, 404, 503, row=_SHOWN
)
CHANGE = _operation(
    "context_entries_change",
    "Change an entry",
    {200: _ENTRY},
    400,
    404,
    409,
    request=_object(
        "",
        **{n: _WRITTEN[n] for n in ("kind", "content", "occurredAt", "expiresAt")},
    ),
    body={"content": {"mood": "glad", "score": 8}},
    row=_SHOWN,
)
DELETE = _operation(
    "context_entries_delete",
    "Delete an entry",
    {204: OpenApiResponse(None, "It is gone.")},
    404,
)
USER = _operation(
    "context_users_show",
    "Tell how much is kept of an end user",
    {
        200: _object(
            "userId entries kinds erasures",
            userId=_TEXT,
            entries=_NUMBER,
            kinds={"type": "object", "additionalProperties": _NUMBER},
            erasures={"type": "array", "items": _RECEIPT},
        )
    },
    400,
    row={"userId": "user-17", "entries": 42, "kinds": {"feels": 42}, "erasures": []},
)
ERASE = _operation(
    "context_users_erase",
    "Erase an end user's context: the key and all that it sealed",
    {200: _object("success receipt", success={"type": "boolean"}, receipt=_RECEIPT)},
    400,
    row={"success": True, "receipt": _RECEIVED},
)
SCOPES = _operation(
    "context_scopes_list",
    "List the scopes that a request may name",
    {200: _object("scopes", scopes={"type": "array", "items": {"type": "object"}})},
)
PREVIEW = _operation(
    "context_preview",
    "Show what a model would be told of an end user",
    {
        200: _object(
            "success userId scope text tokens tokenBudget entries",
            success={"type": "boolean"},
            userId=_TEXT,
            scope=_TEXT,
            text=_TEXT,
            tokens=_NUMBER,
            tokenBudget=_NUMBER,
            entries=_NUMBER,
        )
    },
    400,
    503,
    request=_object(
        "userId",
        userId=_TEXT,
        scope={**_TEXT, "default": "standard"},
        dateRange=_RANGE,
        include=_KINDS,
        exclude=_KINDS,
    ),
    body={"userId": "user-17", "scope": "comprehensive", "exclude": ["habits"]},
    row={
        "success": True,
        "userId": "user-17",
        "scope": "comprehensive",
        "text": 'Name: Ada\n- 2026-01-01 feels: {"mood":"calm","score":7}',
        "tokens": 31,
        "tokenBudget": 8000,
        "entries": 1,
    },
)
