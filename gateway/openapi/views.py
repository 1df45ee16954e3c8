"""GET /api/schema/ and the page made of it, open to all: they hold no tenant's data."""

from functools import cache
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from gateway.openapi.page import places_of_key, sections_of


@cache
def schema() -> dict[str, Any]:
    """Return the schema, which is the same for everyone and for as long as we run."""
    # drf-spectacular is not typed all through.
    generator: Any = SchemaGenerator
    generated: dict[str, Any] = generator().get_schema(public=True)
    return generated


class SchemaView(APIView):
    """JSON unless YAML is asked for, by `Accept` or `?format=yaml`."""

    permission_classes = [AllowAny]
    renderer_classes = [
        OpenApiJsonRenderer2,
        OpenApiJsonRenderer,
        OpenApiYamlRenderer2,
        OpenApiYamlRenderer,
    ]

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        return Response(schema())


schema_view = SchemaView.as_view()


@require_safe
def docs_page(request: HttpRequest) -> HttpResponse:
    described = schema()
    context = {
        **admin.site.each_context(request),
        "title": "API",
        "version": described["info"]["version"],
        "keys": places_of_key(described),
        "sections": sections_of(described),
    }
    return render(request, "api/docs.html", context)
