from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.models import Provider
from catalog.models.endpoint import check_handler
from catalog.validation import check_deactivation
from gateway.control import fields
from gateway.control.filters import Filters, NamesFilter
from gateway.control.permissions import roles_for
from gateway.control.references import ReferenceFilter
from gateway.control.schema import answers
from gateway.control.serializers import ReadSerializer, WriteSerializer
from gateway.control.viewsets import Configuring
from gateway.providers.checks import Finding, Standing, check_provider
from tenants.models import Project, Role

_FIELDS = [
    "slug",
    "name",
    "project",
    "base_url",
    "handler",
    "auth",
    "region",
    "active",
    "allow_private_addresses",
    "headers",
    "drop_params",
    "rename_params",
    "add_params",
    "reports_cost",
    "health_check",
    "connect_timeout_s",
    "first_byte_timeout_s",
    "idle_timeout_s",
    "total_timeout_s",
]


class ProviderFilters(Filters):
    slug = NamesFilter(lookup_expr="in")
    project = ReferenceFilter(Project)

    class Meta:
        model = Provider
        fields = ["slug", "project", "handler", "region", "active"]


class ProviderRead(ReadSerializer):
    headers = fields.texts_by_name()
    drop_params = fields.names()
    rename_params = fields.texts_by_name()
    add_params = fields.values_by_name()

    class Meta:
        model = Provider
        fields = ["id", *_FIELDS, "created_at"]


class ProviderWrite(WriteSerializer[Provider]):
    fixed = frozenset({"project"})
    headers = fields.texts_by_name(required=False)
    drop_params = fields.names(required=False)
    rename_params = fields.texts_by_name(required=False)
    add_params = fields.values_by_name(required=False)

    class Meta:
        model = Provider
        fields = _FIELDS

    def prepare(
        self, row: Provider, before: Provider | None, written: dict[str, Any]
    ) -> None:
        # Whoever may reach private addresses does not choose which ones.
        is_moved = before is not None and before.base_url != row.base_url
        if row.allow_private_addresses and is_moved:
            self.check_reserved("allow_private_addresses")

    def check(self, row: Provider, before: Provider | None) -> None:
        if before is None:
            return
        if before.active and not row.active:
            check_deactivation(providers=[row])
        if before.handler != row.handler:
            for endpoint in row.endpoints.all():
                check_handler(endpoint, row.handler)


class CheckResult(serializers.Serializer[Any]):
    standing = serializers.ChoiceField([each.value for each in Standing])
    detail = serializers.CharField(help_text="How fast it was, or what is wrong.")
    http_status = serializers.IntegerField(allow_null=True)
    latency_ms = serializers.IntegerField(allow_null=True)


def check_result(finding: Finding) -> dict[str, Any]:
    reply = finding.reply
    return {
        "standing": finding.standing.value,
        "detail": finding.detail,
        "http_status": None if reply is None else reply.status,
        "latency_ms": None if reply is None else reply.latency_ms,
    }


EXAMPLE_CHECK = OpenApiExample(
    "It answers",
    {"standing": "ok", "detail": "182 ms", "http_status": 200, "latency_ms": 182},
    response_only=True,
)


class ProviderViewSet(Configuring):
    queryset = Provider.objects.all()
    read_serializer_class = ProviderRead
    write_serializer_class = ProviderWrite
    filterset_class = ProviderFilters
    orderings = ("slug", "id", "created_at")
    roles = roles_for(Provider, check=Role.OPERATOR)
    example_body = {
        "slug": "acme",
        "name": "Acme AI",
        "base_url": "https://api.acme.example",
        "handler": "openai_chat",
        "auth": "bearer",
        "region": "eu",
        "drop_params": ["logit_bias"],
    }
    example_row = {
        "id": 7,
        **example_body,
        "project": None,
        "active": True,
        "allow_private_addresses": False,
        "headers": {},
        "rename_params": {},
        "add_params": {},
        "reports_cost": False,
        "health_check": "",
        "connect_timeout_s": 5.0,
        "first_byte_timeout_s": 60.0,
        "idle_timeout_s": 60.0,
        "total_timeout_s": 600.0,
        "created_at": "2026-01-01T09:00:00Z",
    }

    @extend_schema(
        summary="Ask a provider, at no cost, whether it answers",
        description="Role: `operator`. What comes of it is kept as of every check.",
        request=None,
        responses=answers({200: CheckResult}, 404),
        examples=[EXAMPLE_CHECK],
    )
    @action(detail=True, methods=["post"])
    def check(self, request: Request, pk: str) -> Response:
        return Response(check_result(check_provider(self.get_object())))
