"""Project keys: issued, rotated and revoked. A key is answered once, where it is made."""

from datetime import timedelta
from typing import Any

from django.utils import timezone
from django_filters import ChoiceFilter
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.control import fields
from gateway.control.changes import changing
from gateway.control.errors import Conflict
from gateway.control.filters import Filters, check_parameters, since, until
from gateway.control.permissions import check_may, roles_for
from gateway.control.references import Reference, ReferenceFilter
from gateway.control.schema import answers
from gateway.control.serializers import (
    ReadSerializer,
    StrictSerializer,
    WriteSerializer,
)
from gateway.control.viewsets import Changing, Creating, Removing
from tenants.keys import NewKey, new_key
from tenants.models import ApiKey, Project, Role
from tenants.models.api_key import ApiKeyQuerySet

_MAX_GRACE_HOURS = 24 * 90
_MAX_AT_ONCE = 1_000


class ApiKeyFilters(Filters):
    project = ReferenceFilter(Project)
    status = ChoiceFilter(
        choices=[(name, name) for name in ("active", "expired", "revoked")],
        method="of_status",
    )
    expires_since = since("expires_at")
    expires_until = until("expires_at")

    class Meta:
        model = ApiKey
        fields = ["project", "imported"]

    def of_status(self, rows: ApiKeyQuerySet, name: str, value: str) -> ApiKeyQuerySet:
        return rows.of_status(value)


class ApiKeyRead(ReadSerializer):
    prefix = serializers.CharField(help_text="The part that may be shown and logged.")
    status = serializers.ChoiceField(["active", "expired", "revoked"])
    scopes = fields.scopes()
    aliases = fields.names()
    allowed_networks = fields.names()
    last_used_at = serializers.DateTimeField(
        source="use.last_used_at", default=None, allow_null=True
    )

    class Meta:
        model = ApiKey
        fields = [
            "id",
            "project",
            "name",
            "prefix",
            "status",
            "scopes",
            "aliases",
            "allowed_networks",
            "imported",
            "expires_at",
            "revoked_at",
            "rotated_to",
            "last_used_at",
            "created_at",
        ]


class IssuedKey(ApiKeyRead):
    key = serializers.CharField(help_text="The key itself, answered this once.")

    class Meta(ApiKeyRead.Meta):
        fields = [*ApiKeyRead.Meta.fields, "key"]


class ApiKeyWrite(WriteSerializer[ApiKey]):
    fixed = frozenset({"project"})
    scopes = fields.scopes(required=False, help_text="None: all.")
    aliases = fields.names(required=False, help_text="None: all.")
    allowed_networks = fields.names(required=False, help_text="CIDR; none: any.")

    class Meta:
        model = ApiKey
        fields = [
            "project",
            "name",
            "scopes",
            "aliases",
            "allowed_networks",
            "expires_at",
        ]

    def prepare(
        self, row: ApiKey, before: ApiKey | None, written: dict[str, Any]
    ) -> None:
        moment = row.expires_at
        is_new = before is None or moment != before.expires_at
        if is_new and moment is not None and moment <= timezone.now():
            msg = "This moment is past. To stop a key now, revoke it."
            raise serializers.ValidationError({"expires_at": msg})
        if before is None:
            fresh: NewKey = self.context["fresh"]
            row.key_id, row.digest = fresh.key_id, fresh.digest


class RotateBody(StrictSerializer):
    grace_hours = serializers.IntegerField(
        min_value=0,
        max_value=_MAX_GRACE_HOURS,
        default=24,
        help_text="For so long the old key goes on working; 0 stops it now.",
    )


class RevokeBody(StrictSerializer):
    keys = serializers.ListField(
        child=Reference(queryset=ApiKey.objects.all()),
        min_length=1,
        max_length=_MAX_AT_ONCE,
        required=False,
    )
    project = Reference(
        queryset=Project.objects.all(), required=False, help_text="All keys of it."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            msg = "Name keys, or a project whose keys are all to stop."
            raise serializers.ValidationError(msg)
        return attrs


class Revoked(serializers.Serializer[Any]):
    revoked = serializers.IntegerField(help_text="Keys that worked until now.")


_ROW = {
    "id": 5,
    "project": 3,
    "name": "backend",
    "prefix": "sb_3fT9cQ1xYbLw7D",
    "status": "active",
    "scopes": ["chat"],
    "aliases": [],
    "allowed_networks": ["10.0.0.0/8"],
    "imported": False,
    "expires_at": None,
    "revoked_at": None,
    "rotated_to": None,
    "last_used_at": None,
    "created_at": "2026-01-01T09:00:00Z",
}
_ISSUED = OpenApiExample(
    "Issued", {**_ROW, "key": "sb_3fT9cQ1xYbLw7D_…"}, response_only=True
)


class ApiKeyViewSet(Creating, Changing, Removing):
    queryset = ApiKey.objects.select_related("use", "project")
    read_serializer_class = ApiKeyRead
    write_serializer_class = ApiKeyWrite
    filterset_class = ApiKeyFilters
    orderings = ("-id", "created_at")
    roles = roles_for(
        ApiKey, revoke=Role.OPERATOR, rotate=Role.OPERATOR, revoke_many=Role.OWNER
    )
    example_body = {
        "project": "nicestory",
        "name": "backend",
        "scopes": ["chat"],
        "allowed_networks": ["10.0.0.0/8"],
    }
    example_row = _ROW

    @extend_schema(
        summary="Issue a key",
        description="Role: `operator`. `key` is the key itself, and is never shown again.",
        request=ApiKeyWrite,
        responses=answers({201: IssuedKey}, 409, 413, 415),
        examples=[
            OpenApiExample("Body", example_body, request_only=True),
            _ISSUED,
        ],
    )
    def create(self, request: Request) -> Response:
        check_parameters(request, set())
        fresh = new_key()
        serializer = self.written()
        serializer.context["fresh"] = fresh
        with changing(ApiKey):
            row = self.save(serializer)
        return self._issued(row, fresh.text)

    def check_may_go(self, row: ApiKey) -> None:
        if row.revoked_at is None:
            msg = "Usage names its key: revoke it first; then it can be deleted."
            raise Conflict(msg)
        super().check_may_go(row)

    @extend_schema(
        summary="Stop a key",
        description="Role: `operator`. It stops within two seconds, everywhere.",
        request=None,
        responses=answers({200: ApiKeyRead}, 404, 412),
        examples=[OpenApiExample("Row", _ROW, response_only=True)],
    )
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: str) -> Response:
        with changing(ApiKey):
            row = self.locked()
            row.revoke()
        return self.answered(row)

    @extend_schema(
        summary="Replace a key by a new one",
        description=(
            "Role: `operator`. The old key goes on working for the time of grace. "
            "`key` is the new one, and is never shown again."
        ),
        request=RotateBody,
        responses=answers({201: IssuedKey}, 404, 409, 412, 413, 415),
        examples=[
            OpenApiExample("Body", {"grace_hours": 24}, request_only=True),
            _ISSUED,
        ],
    )
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, pk: str) -> Response:
        body = RotateBody(data=request.data)
        body.is_valid(raise_exception=True)
        with changing(ApiKey):
            row = self.locked()
            if row.revoked_at is not None:
                raise Conflict("The key is revoked; issue a new one.")
            if row.rotated_to_id is not None:
                raise Conflict("The key was rotated already; rotate its successor.")
            grace = timedelta(hours=body.validated_data["grace_hours"])
            successor, text = row.rotate(grace)
        return self._issued(successor, text)

    @extend_schema(
        summary="Stop many keys at once",
        description="Role: `owner`, in the organization of each of them.",
        request=RevokeBody,
        responses=answers({200: Revoked}, 413, 415),
        examples=[
            OpenApiExample("Of a project", {"project": "nicestory"}, request_only=True),
            OpenApiExample(
                "Some", {"keys": [5, "sb_3fT9cQ1xYbLw7D"]}, request_only=True
            ),
            OpenApiExample("Answer", {"revoked": 2}, response_only=True),
        ],
    )
    @action(detail=False, methods=["post"], url_path="revoke")
    def revoke_many(self, request: Request) -> Response:
        check_parameters(request, set())
        body = RevokeBody(data=request.data, context=self.get_serializer_context())
        body.is_valid(raise_exception=True)
        with changing(ApiKey):
            count = self._revoke(body.validated_data)
        return Response({"revoked": count})

    def _revoke(self, wanted: dict[str, Any]) -> int:
        if project := wanted.get("project"):
            keys = ApiKey.objects.filter(project=project)
            projects = {project}
        else:
            keys = ApiKey.objects.filter(pk__in=[key.pk for key in wanted["keys"]])
            projects = {key.project for key in wanted["keys"]}
        for each in projects:
            check_may(self.reach, Role.OWNER, each.organization_id)
        return keys.filter(revoked_at=None).update(revoked_at=timezone.now())

    def _issued(self, row: ApiKey, text: str) -> Response:
        answer = self.answered(row, status.HTTP_201_CREATED)
        answer.data["key"] = text
        return answer
