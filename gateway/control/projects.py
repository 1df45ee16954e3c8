from typing import Any

import re2
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.validation import check_project_routes
from gateway.control import fields
from gateway.control.filters import Filters, NamesFilter
from gateway.control.permissions import roles_for
from gateway.control.references import ReferenceFilter
from gateway.control.schema import answers
from gateway.control.serializers import (
    ReadSerializer,
    StrictSerializer,
    WriteSerializer,
)
from gateway.control.viewsets import Configuring
from tenants.models import Organization, Project, Role
from tenants.models.project import default_cache
from usage.cache_entries import purge

_MAX_TTL_S = 30 * 86_400


class ProjectFilters(Filters):
    slug = NamesFilter(lookup_expr="in")
    organization = ReferenceFilter(Organization)

    class Meta:
        model = Project
        fields = ["slug", "organization", "active", "capture"]


class CacheSettings(StrictSerializer):
    """`all`: also answers that are not the same each time."""

    enabled = serializers.BooleanField(required=False)
    ttl_s = serializers.IntegerField(
        required=False, min_value=1, max_value=_MAX_TTL_S, help_text="Seconds."
    )
    all = serializers.BooleanField(required=False)

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """Say all of it, however little a row says itself."""
        said = instance if isinstance(instance, dict) else {}
        return {name: said.get(name, value) for name, value in _cache().items()}


_FIELDS = [
    "organization",
    "slug",
    "name",
    "active",
    "default_alias",
    "strategy",
    "cache",
    "auto_approve_threshold_usd",
    "allowed_regions",
    "task_routes",
    "allow_unpriced",
    "strict_params",
    "fallback_on_content_policy",
    "capture",
    "capture_retention_days",
    "capture_redactions",
    "time_zone",
]


class ProjectRead(ReadSerializer):
    cache = CacheSettings()
    allowed_regions = fields.names()
    task_routes = fields.texts_by_name()
    capture_redactions = fields.names()

    class Meta:
        model = Project
        fields = ["id", *_FIELDS, "created_at"]


class ProjectWrite(WriteSerializer[Project]):
    fixed = frozenset({"organization"})
    cache = CacheSettings(required=False)
    allowed_regions = fields.names(required=False)
    task_routes = fields.texts_by_name(required=False)
    capture_redactions = fields.names(required=False)

    class Meta:
        model = Project
        fields = _FIELDS

    def validate_capture_redactions(self, patterns: list[str]) -> list[str]:
        for pattern in patterns:
            try:
                re2.compile(pattern)
            except re2.error as error:
                msg = f"{pattern!r} is no pattern of RE2: {error}."
                raise serializers.ValidationError(msg) from error
        return patterns

    def prepare(
        self, row: Project, before: Project | None, written: dict[str, Any]
    ) -> None:
        kept = before.cache if before is not None and self.partial else {}
        row.cache = {**_cache(), **kept, **written.get("cache", {})}

    def check(self, row: Project, before: Project | None) -> None:
        routes = (row.default_alias, row.task_routes)
        if before is None or routes != (before.default_alias, before.task_routes):
            check_project_routes(row)


def _cache() -> dict[str, Any]:
    return {**default_cache(), "all": False}


class PurgeBody(StrictSerializer):
    """Without either: everything that is kept for the project."""

    alias = serializers.CharField(required=False, max_length=200)
    model = serializers.CharField(
        required=False, max_length=300, help_text="`provider/model_id`."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) > 1:
            msg = "Name an alias or a model, not both."
            raise serializers.ValidationError(msg)
        return attrs


class Purged(serializers.Serializer[Any]):
    purged = serializers.IntegerField(help_text="Answers that were kept.")


class ProjectViewSet(Configuring):
    queryset = Project.objects.all()
    read_serializer_class = ProjectRead
    write_serializer_class = ProjectWrite
    filterset_class = ProjectFilters
    orderings = ("slug", "id", "created_at")
    roles = roles_for(Project, purge_cache=Role.OPERATOR)
    example_body = {
        "organization": "nice",
        "slug": "nicestory",
        "name": "NiceStory",
        "default_alias": "fast",
        "cache": {"enabled": True, "ttl_s": 86400},
        "auto_approve_threshold_usd": "1.00",
        "task_routes": {"code": "smart", "fast": "fast"},
    }
    example_row = {
        "id": 3,
        **example_body,
        "organization": 2,
        "active": True,
        "strategy": "",
        "cache": {"enabled": True, "ttl_s": 86400, "all": False},
        "auto_approve_threshold_usd": "1.0000",
        "allowed_regions": [],
        "allow_unpriced": False,
        "strict_params": False,
        "fallback_on_content_policy": False,
        "capture": False,
        "capture_retention_days": 30,
        "capture_redactions": [],
        "time_zone": "UTC",
        "created_at": "2026-01-01T09:00:00Z",
    }

    @extend_schema(
        summary="Forget kept answers of a project",
        request=PurgeBody,
        responses=answers({200: Purged}, 404, 413, 415),
        examples=[
            OpenApiExample("Of an alias", {"alias": "fast"}, request_only=True),
            OpenApiExample("Answer", {"purged": 12}, response_only=True),
        ],
    )
    @action(detail=True, methods=["post"], url_path="purge-cache")
    def purge_cache(self, request: Request, pk: str) -> Response:
        project = self.get_object()
        body = PurgeBody(data=request.data)
        body.is_valid(raise_exception=True)
        return Response({"purged": purge(project, **body.validated_data)})
