"""Requests that wait for somebody to let them through."""

import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.control.changes import changing
from gateway.control.errors import Conflict
from gateway.control.filters import Filters, NamesFilter, since, until
from gateway.control.permissions import roles_for
from gateway.control.references import ReferenceFilter
from gateway.control.schema import answers
from gateway.control.serializers import ReadSerializer, StrictSerializer
from gateway.control.viewsets import Reading
from tenants.approvals import AlreadyDecided, decide, state_at
from tenants.models import ApiKey, Approval, Project, Role


class ApprovalFilters(Filters):
    project = ReferenceFilter(Project)
    api_key = ReferenceFilter(ApiKey)
    state = NamesFilter(lookup_expr="in")
    since = since("requested_at")
    until = until("requested_at")

    class Meta:
        model = Approval
        fields = ["project", "api_key", "state", "model", "provider", "end_user"]


class ApprovalRead(ReadSerializer):
    digest = serializers.SerializerMethodField(
        help_text="SHA-256 of the path and the body, which the decision holds for."
    )
    state = serializers.SerializerMethodField(
        help_text=f"One of {', '.join(Approval.State.values)}."
    )
    decided_by = serializers.CharField(
        source="decided_by.get_username", default=None, allow_null=True
    )

    class Meta:
        model = Approval
        fields = [
            "id",
            "project",
            "api_key",
            "end_user",
            "operation",
            "path",
            "alias",
            "provider",
            "model",
            "digest",
            "estimate_usd",
            "threshold_usd",
            "state",
            "requested_at",
            "expires_at",
            "decided_at",
            "decided_by",
            "comment",
            "used_at",
        ]

    def get_digest(self, row: Approval) -> str:
        return bytes(row.digest).hex()

    def get_state(self, row: Approval) -> str:
        return state_at(row, timezone.now())


class DecisionBody(StrictSerializer):
    comment = serializers.CharField(required=False, allow_blank=True, max_length=500)


_ROW = {
    "id": "5b0e0d5c-6c1f-4f0e-9d4a-7a2f6f0c1e55",
    "project": 3,
    "api_key": 5,
    "end_user": "user-17",
    "operation": "chat",
    "path": "/v1/chat/completions",
    "alias": "smart",
    "provider": "acme",
    "model": "acme-large-2",
    "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "estimate_usd": "2.400000000",
    "threshold_usd": "1.0000",
    "state": "pending",
    "requested_at": "2026-01-01T09:00:00Z",
    "expires_at": "2026-01-02T09:00:00Z",
    "decided_at": None,
    "decided_by": None,
    "comment": "",
    "used_at": None,
}
_DECISION: Any = {
    "request": DecisionBody,
    "responses": answers({200: ApprovalRead}, 404, 409, 412, 413, 415),
}


def _examples(state: str) -> list[OpenApiExample]:
    decided = {
        "state": state,
        "decided_at": "2026-01-01T10:00:00Z",
        "decided_by": "ada",
        "comment": "Quarterly report.",
    }
    return [
        OpenApiExample("Body", {"comment": "Quarterly report."}, request_only=True),
        OpenApiExample("Row", {**_ROW, **decided}, response_only=True),
    ]


class ApprovalViewSet(Reading):
    queryset = Approval.objects.select_related("project", "decided_by")
    read_serializer_class = ApprovalRead
    filterset_class = ApprovalFilters
    lookup_value_regex = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    orderings = ("-requested_at", "expires_at", "estimate_usd")
    roles = roles_for(Approval, approve=Role.OPERATOR, reject=Role.OPERATOR)
    example_row = _ROW

    @extend_schema(
        summary="Let a request through, once",
        description=(
            "Role: `operator`. The same request, sent again with "
            "`x-signalbox-approval`, then goes through. Of several who decide at once, "
            "one does; the others get 409."
        ),
        examples=_examples("approved"),
        **_DECISION,
    )
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str) -> Response:
        return self._decide(approved=True)

    @extend_schema(
        summary="Refuse a request",
        description="Role: `operator`.",
        examples=_examples("rejected"),
        **_DECISION,
    )
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, pk: str) -> Response:
        return self._decide(approved=False)

    def _decide(self, *, approved: bool) -> Response:
        body = DecisionBody(data=self.request.data)
        body.is_valid(raise_exception=True)
        with changing(Approval):
            row = self.locked()
            try:
                row = decide(
                    uuid.UUID(str(row.pk)),
                    approved=approved,
                    by=self.request.user,  # type: ignore[arg-type]
                    comment=body.validated_data.get("comment", ""),
                    lasts=timedelta(hours=settings.APPROVAL_HOURS),
                )
            except AlreadyDecided as error:
                raise Conflict(str(error)) from error
        return self.answered(row)
