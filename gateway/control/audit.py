"""The audit: who changed what, when, from which value to which."""

import re
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import StreamingHttpResponse
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
)
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from gateway.control.filters import check_parameters
from gateway.control.pages import link_with, page_response, page_size
from gateway.control.references import find
from gateway.control.schema import answers
from gateway.control.viewsets import ControlView
from tenants.audit_entries import Entry
from tenants.audit_export import FORMATS, export_response
from tenants.audit_trail import (
    SEEN_BY,
    audited_models,
    audited_within,
    entries,
    model_named,
    page_of,
)

_CURSOR = re.compile(r"[a-z0-9_]+\.[0-9]{1,18}(?:-[a-z0-9_]+\.[0-9]{1,18}){0,99}")
_ACTIONS = ("insert", "update", "delete")


class ChangeRow(serializers.Serializer[Any]):
    field = serializers.CharField()
    before = serializers.CharField()
    after = serializers.CharField()


class EntryRow(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    action = serializers.ChoiceField(_ACTIONS)
    model = serializers.SerializerMethodField(help_text="What kind of row it was.")
    object_id = serializers.CharField()
    name = serializers.CharField()
    parent = serializers.CharField(  # type: ignore[assignment]
        help_text="What the row belongs to."
    )
    actor = serializers.CharField(
        help_text="Who did it; with the prefix of the operator token, if it was one."
    )
    place = serializers.CharField(help_text="Where it was done.")
    changes = ChangeRow(many=True)

    def get_model(self, entry: Entry) -> str:
        return str(entry.model._meta.label_lower)


class AuditPage(serializers.Serializer[Any]):
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = EntryRow(many=True)


class AuditQuery(serializers.Serializer[Any]):
    """What the list is filtered by."""

    q = serializers.CharField(required=False, max_length=100)
    model = serializers.CharField(required=False, max_length=100)
    object_id = serializers.RegexField(r"^[0-9a-fA-F-]{1,36}\Z", required=False)
    action = serializers.ChoiceField(_ACTIONS, required=False)
    user = serializers.CharField(required=False, max_length=150)
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)

    def validate_model(self, label: str) -> Any:
        if (model := model_named(label)) is None:
            known = ", ".join(each._meta.label_lower for each in audited_models())
            raise ValidationError(f"There is no such model; there are {known}.")
        return model

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "object_id" in attrs and "model" not in attrs:
            raise ValidationError(
                {"model": "An id says something only with its model."}
            )
        return attrs


_EXAMPLE = {
    "next": "https://gateway.nice.example/api/control/v1/audit/?cursor=limitevent.118",
    "previous": None,
    "results": [
        {
            "at": "2026-01-01T09:00:00Z",
            "action": "update",
            "model": "tenants.limit",
            "object_id": "4",
            "name": "nicestory: 900 requests per minute",
            "parent": "project nicestory",
            "actor": "ada (sbo_8sKx01PqLm3TzV…)",
            "place": "/api/control/v1/limits/4/",
            "changes": [{"field": "amount", "before": "600", "after": "900"}],
        }
    ],
}


def _parameter(name: str, description: str, **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, description=description, **more)


_FILTERS = [
    _parameter("q", "Part of the name of the row."),
    _parameter(
        "model",
        "Kind of row.",
        enum=[model._meta.label_lower for model in audited_models()],
    ),
    _parameter("object_id", "Id of the row; takes `model` too."),
    _parameter("action", "What was done.", enum=_ACTIONS),
    _parameter("user", "Id or name of who did it."),
    _parameter("since", "From this moment on (ISO 8601).", type=str),
    _parameter("until", "Until this moment (ISO 8601).", type=str),
]


class AuditViewSet(ControlView, ViewSet):
    """Changes of the organizations within reach; what all share: for the installation."""

    roles = {"search": SEEN_BY, "export": SEEN_BY}

    @extend_schema(
        summary="List the changes of the configuration, newest first",
        parameters=[
            _parameter("cursor", "Where the page begins: as `next` holds it."),
            _parameter("page_size", "At most 200.", type=int),
            *_FILTERS,
        ],
        request=None,
        responses=answers({200: AuditPage}),
        examples=[OpenApiExample("Page", _EXAMPLE, response_only=True)],
    )
    def search(self, request: Request) -> Response:
        check_parameters(request, {*AuditQuery().fields, "cursor", "page_size"})
        size, cursor = page_size(request), _cursor(request)
        page, older = page_of(self._sources(), cursor, size)
        next_url = link_with(request, cursor=older) if older else None
        return page_response(next_url, None, EntryRow(page, many=True).data)

    @extend_schema(
        summary="The changes of the configuration as a file, newest first",
        description=f"Role: `{SEEN_BY.value}`. It is sent while it is read, whole.",
        parameters=[
            _parameter("as", "Lines of JSON, or comma-separated values.", enum=FORMATS),
            *_FILTERS,
        ],
        request=None,
        responses=answers(
            {
                (200, "application/x-ndjson"): OpenApiResponse(
                    {"type": "string"}, "A line for each change."
                ),
                (200, "text/csv"): OpenApiResponse(
                    {"type": "string"}, "A line for each field that changed."
                ),
            }
        ),
    )
    def export(self, request: Request) -> StreamingHttpResponse:
        check_parameters(request, {*AuditQuery().fields, "as"})
        kind = request.query_params.get("as", FORMATS[-1])
        if kind not in FORMATS:
            raise ValidationError({"as": f"This is one of {', '.join(FORMATS)}."})
        return export_response(request._request, self._sources(), kind)  # noqa: SLF001

    def _sources(self) -> list[Any]:
        asked = self.request.query_params.dict()
        query = AuditQuery(data=asked)
        query.is_valid(raise_exception=True)
        wanted = query.validated_data
        found = entries(
            model=wanted.get("model"),
            action=wanted.get("action", ""),
            user_id=self._user_id(wanted.get("user")),
            since=wanted.get("since"),
            until=wanted.get("until"),
            text=wanted.get("q", ""),
        )
        if object_id := wanted.get("object_id"):
            found = [rows for rows in found if _is_id(rows.model, object_id)]
            found = [rows.filter(pgh_obj_id=object_id) for rows in found]
        return [
            rows.filter(audited_within(self.reach, rows.model.pgh_tracked_model))
            for rows in found
        ]

    def _user_id(self, text: str | None) -> int | None:
        if text is None:
            return None
        known = int(text) if text.isascii() and text.isdecimal() else text
        user = find(get_user_model(), known, self.reach)
        # Nobody has this id, and nobody did anything.
        return 0 if user is None else user.pk


def _cursor(request: Request) -> str:
    text = request.query_params.get("cursor", "")
    if text and not _CURSOR.fullmatch(text):
        raise ValidationError({"cursor": "This is no cursor of this list."})
    return text


def _is_id(event_model: Any, text: str) -> bool:
    key = event_model.pgh_tracked_model._meta.pk
    try:
        key.to_python(text)
    except DjangoValidationError:
        return False
    return len(text) <= 18 or not text.isdecimal()
