"""Credentials: a value is written, sealed, and never answered; of it only its end is."""

from typing import Any

from django.views.decorators.debug import sensitive_variables
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.credential_states import STATES, is_presentable, source_of, state_of
from catalog.models import Credential, Provider
from catalog.models.credential import CAPS
from gateway.control import fields
from gateway.control.changes import changing
from gateway.control.filters import Filters, YesNoFilter
from gateway.control.permissions import roles_for
from gateway.control.providers import EXAMPLE_CHECK, CheckResult, check_result
from gateway.control.references import ReferenceFilter
from gateway.control.schema import answers
from gateway.control.serializers import ReadSerializer, WriteSerializer
from gateway.control.viewsets import Configuring
from gateway.providers.checks import check_credential
from tenants.models import EndUser, Project, Role

_MAX_VALUE = 8192
_FIELDS = [
    "provider",
    "project",
    "end_user",
    "name",
    "env_name",
    "base_url",
    "deployments",
    *CAPS,
    "active",
]


class CredentialFilters(Filters):
    provider = ReferenceFilter(Provider)
    project = ReferenceFilter(Project)
    end_user = ReferenceFilter(EndUser)
    platform = YesNoFilter("project", "isnull", label="Those for all projects.")
    quarantined = YesNoFilter(
        "quarantined_at", "isnull", exclude=True, label="Those that were refused."
    )

    class Meta:
        model = Credential
        fields = ["provider", "project", "end_user", "name", "active"]


class CredentialRead(ReadSerializer):
    deployments = fields.texts_by_name()
    state = serializers.SerializerMethodField(help_text=f"One of {', '.join(STATES)}.")
    source = serializers.SerializerMethodField(  # type: ignore[assignment]
        help_text="Where the value comes from; of what is stored, its last four."
    )

    class Meta:
        model = Credential
        fields = [
            "id",
            *_FIELDS,
            "state",
            "source",
            "last_four",
            "quarantined_at",
            "created_at",
        ]

    def get_state(self, row: Credential) -> str:
        return state_of(row)

    def get_source(self, row: Credential) -> str:
        return source_of(row)


class CredentialWrite(WriteSerializer[Credential]):
    """`value` is what is presented to the provider. Left out: it stays as it is."""

    fixed = frozenset({"provider", "project", "end_user"})
    deployments = fields.texts_by_name(required=False)
    value = serializers.CharField(
        write_only=True,
        required=False,
        max_length=_MAX_VALUE,
        style={"input_type": "password"},
        help_text="Sealed when saved, and never answered again.",
    )

    class Meta:
        model = Credential
        fields = [*_FIELDS, "value"]

    @sensitive_variables("value")
    def validate_value(self, value: str) -> str:
        if not is_presentable(value):
            msg = "A credential is one line of printable ASCII characters."
            raise serializers.ValidationError(msg)
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("value") and attrs.get("env_name"):
            msg = "Store a value or name a variable, not both."
            raise serializers.ValidationError({"value": msg})
        return attrs

    @sensitive_variables("written")
    def prepare(
        self, row: Credential, before: Credential | None, written: dict[str, Any]
    ) -> None:
        was = "" if before is None else before.env_name
        if value := written.get("value"):
            # What is not valid is refused before it is sealed for a place it never has.
            row.env_name = ""
            row.full_clean(exclude=["sealed"])
            row.put(value)
        elif row.env_name and row.env_name != was:
            row.sealed, row.last_four = None, ""
        if value or row.env_name != was:
            row.quarantined_at = None


_ROW: dict[str, Any] = {
    "id": 51,
    "provider": 7,
    "project": None,
    "end_user": None,
    "name": "default",
    "env_name": "",
    "base_url": "",
    "deployments": {},
    "requests_per_minute": 500,
    "tokens_per_minute": None,
    "max_concurrency": None,
    "active": True,
    "state": "configured",
    "source": "stored, …f3Qz",
    "last_four": "f3Qz",
    "quarantined_at": None,
    "created_at": "2026-01-01T09:00:00Z",
}


class CredentialViewSet(Configuring):
    queryset = Credential.objects.select_related("provider", "project")
    read_serializer_class = CredentialRead
    write_serializer_class = CredentialWrite
    filterset_class = CredentialFilters
    orderings = ("-id", "created_at")
    roles = roles_for(Credential, test=Role.OPERATOR, release=Role.OPERATOR)
    example_body = {
        "provider": "acme",
        "name": "default",
        "value": "sk-acme-0123456789",
        "requests_per_minute": 500,
    }
    example_row = _ROW

    @extend_schema(
        summary="Ask the provider, at no cost, whether it takes a credential",
        description="Role: `operator`. It may be inactive or in quarantine.",
        request=None,
        responses=answers({200: CheckResult}, 404),
        examples=[EXAMPLE_CHECK],
    )
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str) -> Response:
        return Response(check_result(check_credential(self.get_object())))

    @extend_schema(
        summary="Release a credential from quarantine",
        description="Role: `operator`.",
        request=None,
        responses=answers({200: CredentialRead}, 404, 412),
        examples=[OpenApiExample("Row", _ROW, response_only=True)],
    )
    @action(detail=True, methods=["post"])
    def release(self, request: Request, pk: str) -> Response:
        with changing(Credential):
            row = self.locked()
            row.quarantined_at = None
            row.save(update_fields=["quarantined_at"])
        return self.answered(row)
