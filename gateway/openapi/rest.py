"""How the routes are described that keep rows for a project."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse

from gateway.openapi.headers import PROJECT

_TEXT = {"type": "string"}
_ERROR = {
    "type": "object",
    "required": ["success", "requestId", "error"],
    "properties": {
        "success": {"type": "boolean", "const": False},
        "requestId": _TEXT,
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": _TEXT,
                "message": _TEXT,
                "fields": {
                    "type": "object",
                    "additionalProperties": {"type": "array", "items": _TEXT},
                },
            },
        },
    },
}


@dataclass(frozen=True)
class Routes:
    """Routes under one heading, and when each status refuses at them."""

    tag: str
    refusals: Mapping[int, str]

    def operation(
        self,
        name: str,
        summary: str,
        answers: dict[int, Any],
        *refusals: int,
        request: Any = None,
        body: Any = None,
        row: Any = None,
        parameters: tuple[OpenApiParameter, ...] = (),
    ) -> dict[str, Any]:
        """Return what `extend_schema` is told; `body` and `row` are examples."""
        told = {
            status: OpenApiResponse(_ERROR, self.refusals[status])
            for status in sorted({401, 403, *refusals})
        }
        examples = []
        if body is not None:
            examples.append(OpenApiExample("Body", body, request_only=True))
        if row is not None:
            examples.append(OpenApiExample("Answer", row, response_only=True))
        return {
            "operation_id": name,
            "summary": summary,
            "tags": [self.tag],
            "parameters": [PROJECT, *parameters],
            "request": request,
            "responses": {**answers, **told},
            "examples": examples,
        }
