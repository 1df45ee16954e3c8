"""The places in which a request may present its project key."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

_PLACES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "xApiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    "apiKey": {"type": "apiKey", "in": "header", "name": "api-key"},
    "xGoogApiKey": {"type": "apiKey", "in": "header", "name": "x-goog-api-key"},
    "query": {"type": "apiKey", "in": "query", "name": "key"},
}


class ProjectKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "gateway.authentication.ProjectKeyAuthentication"
    name = [f"projectKey_{place}" for place in _PLACES]

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, Any]]:
        """Any one of them is enough; several must agree."""
        return [{name: []} for name in self.name]

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, Any]]:
        return [
            {**place, "description": "A project key, sb_…"}
            for place in _PLACES.values()
        ]
