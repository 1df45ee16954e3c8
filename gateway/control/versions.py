"""Versions of the configuration: which there are, how they differ, and the way back."""

from dataclasses import asdict
from typing import Any

from django.http import Http404
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from catalog.versions.difference import RowChange, compare
from catalog.versions.listing import NoVersion, Version, version, versions
from catalog.versions.rollback import Rollback, RollbackRefused, preview, roll_back
from gateway.control.audit import ChangeRow, EntryRow
from gateway.control.errors import Conflict
from gateway.control.filters import check_parameters
from gateway.control.pages import link_with, page_response, page_size
from gateway.control.permissions import check_may_everywhere
from gateway.control.schema import answers
from gateway.control.serializers import StrictSerializer
from gateway.control.viewsets import ControlView
from tenants.models import Role

# Of what differs, so many rows are answered; `more` says how many there are besides.
_MAX_SHOWN = 1_000
_NUMBER = r"[0-9]{1,18}"


class VersionRow(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    at = serializers.DateTimeField()
    actors = serializers.ListField(child=serializers.CharField())
    changes = EntryRow(
        many=True, source="entries", help_text="The first of what it changed."
    )


class VersionPage(serializers.Serializer[Any]):
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = VersionRow(many=True)


class RowChangeRow(serializers.Serializer[Any]):
    action = serializers.ChoiceField(
        ["create", "change", "deactivate", "delete", "keep"]
    )
    model = serializers.CharField(source="label")
    object_id = serializers.CharField()
    kind = serializers.CharField()
    name = serializers.CharField()
    changes = ChangeRow(many=True)
    why = serializers.CharField(help_text="What a reader would not expect.")


class ComparisonRow(serializers.Serializer[Any]):
    before = serializers.IntegerField()
    after = serializers.IntegerField(allow_null=True, help_text="Null: now.")
    changes = RowChangeRow(many=True)
    more = serializers.IntegerField(help_text="How many rows differ besides.")


class RollbackRow(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    summary = serializers.CharField()
    changes = RowChangeRow(many=True)
    more = serializers.IntegerField(help_text="How many rows change besides.")
    kept = RowChangeRow(many=True, help_text="What stays although it was otherwise.")
    mistakes = serializers.ListField(
        child=serializers.CharField(), help_text="With one of these nobody goes back."
    )
    notes = serializers.ListField(child=serializers.CharField())
    shown = serializers.CharField(
        help_text="Stands for all that would change; going back takes it."
    )


class GoBack(StrictSerializer):
    shown = serializers.CharField(
        max_length=64,
        help_text="`shown` of the preview: nothing else is done than what it told.",
    )


_CHANGE = {
    "action": "change",
    "model": "catalog.alias",
    "object_id": "7",
    "kind": "alias",
    "name": "fast",
    "changes": [{"field": "strategy", "before": "fastest", "after": "cheapest"}],
    "why": "",
}
_SHOWN = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_ROLLBACK = {
    "number": 41,
    "summary": "0 made again, 1 changed, 0 switched off, 0 deleted",
    "changes": [_CHANGE],
    "more": 0,
    "kept": [],
    "mistakes": [],
    "notes": [],
    "shown": _SHOWN,
}
_PAGE = {
    "next": "https://gateway.example/api/control/v1/versions/?cursor=12",
    "previous": None,
    "results": [
        {
            "number": 41,
            "at": "2026-01-01T09:00:00Z",
            "actors": ["ada"],
            "changes": [
                {
                    "at": "2026-01-01T09:00:00Z",
                    "action": "update",
                    "model": "catalog.alias",
                    "object_id": "7",
                    "name": "fast",
                    "parent": "",
                    "actor": "ada",
                    "place": "/admin/catalog/alias/7/change/",
                    "changes": _CHANGE["changes"],
                }
            ],
        }
    ],
}
_ROLE = "Role: `operator` in the whole installation."
_ID = OpenApiParameter("id", int, "path", description="Number of the version.")


class VersionViewSet(ControlView, ViewSet):
    lookup_value_regex = _NUMBER
    roles = {
        "list": Role.OPERATOR,
        "compare": Role.OPERATOR,
        "preview": Role.OPERATOR,
        "rollback": Role.OPERATOR,
    }

    def check_permissions(self, request: Request) -> None:
        super().check_permissions(request)
        if role := self.roles.get(self.action or ""):
            check_may_everywhere(self.reach, role, "Versions")

    @extend_schema(
        summary="List the versions of the configuration, newest first",
        description=f"{_ROLE} A version is one transaction that changed something.",
        parameters=[
            OpenApiParameter("cursor", description="Where the page begins: as `next`."),
            OpenApiParameter("page_size", int, description="At most 200."),
        ],
        request=None,
        responses=answers({200: VersionPage}),
        examples=[OpenApiExample("Page", _PAGE, response_only=True)],
    )
    def list(self, request: Request) -> Response:
        check_parameters(request, {"cursor", "page_size"})
        size = page_size(request)
        found = versions(before=_number(request, "cursor"), size=size + 1)
        page = found[:size]
        more = len(found) > size
        next_url = link_with(request, cursor=str(page[-1].number)) if more else None
        return page_response(next_url, None, VersionRow(page, many=True).data)

    @extend_schema(
        summary="Tell how two versions differ, or one and the present",
        description=_ROLE,
        parameters=[
            OpenApiParameter("from", int, required=True, description="A version."),
            OpenApiParameter("to", int, description="Another one; without it: now."),
        ],
        request=None,
        responses=answers({200: ComparisonRow}, 404),
        examples=[
            OpenApiExample(
                "Comparison",
                {"before": 41, "after": None, "changes": [_CHANGE], "more": 0},
                response_only=True,
            )
        ],
    )
    @action(detail=False, methods=["get"])
    def compare(self, request: Request) -> Response:
        check_parameters(request, {"from", "to"})
        first = _number(request, "from")
        if first is None:
            raise ValidationError({"from": "Name a version."})
        second = _number(request, "to")
        before, after = _version(first), None if second is None else _version(second)
        if after is not None and after.number < before.number:
            before, after = after, before
        shown = {
            "before": before.number,
            "after": None if after is None else after.number,
            **_shown(compare(before, after)),
        }
        return Response(ComparisonRow(shown).data)

    @extend_schema(
        summary="Tell what going back to a version would change",
        description=f"{_ROLE} It is tried, and taken back.",
        parameters=[_ID],
        request=None,
        responses=answers({200: RollbackRow}, 404, 409),
        examples=[OpenApiExample("Preview", _ROLLBACK, response_only=True)],
    )
    @action(detail=True, methods=["get"])
    def preview(self, request: Request, pk: str) -> Response:
        check_parameters(request, set())
        try:
            return Response(_told(preview(_version(int(pk)))))
        except RollbackRefused as refusal:
            raise Conflict(str(refusal)) from refusal

    @extend_schema(
        summary="Go back to a version",
        description=(
            f"{_ROLE} Takes `shown` of the preview; when the configuration has changed "
            "since, it is 409 and nothing is done."
        ),
        parameters=[_ID],
        request=GoBack,
        responses=answers({200: RollbackRow}, 404, 409, 413, 415),
        examples=[
            OpenApiExample("Body", {"shown": _SHOWN}, request_only=True),
            OpenApiExample("Done", _ROLLBACK, response_only=True),
        ],
    )
    @action(detail=True, methods=["post"])
    def rollback(self, request: Request, pk: str) -> Response:
        check_parameters(request, set())
        body = GoBack(data=request.data)
        body.is_valid(raise_exception=True)
        try:
            done = roll_back(_version(int(pk)), shown=body.validated_data["shown"])
        except RollbackRefused as refusal:
            raise Conflict(str(refusal)) from refusal
        return Response(_told(done))


def _number(request: Request, name: str) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise ValidationError({name: "This is the number of a version."})
    return int(text)


def _version(number: int) -> Version:
    try:
        return version(number)
    except NoVersion as error:
        raise Http404(str(error)) from error


def _shown(changes: list[RowChange]) -> dict[str, Any]:
    return {
        "changes": [asdict(change) for change in changes[:_MAX_SHOWN]],
        "more": max(0, len(changes) - _MAX_SHOWN),
    }


def _told(found: Rollback) -> dict[str, Any]:
    told = {
        "number": found.version.number,
        "summary": found.summary(),
        **_shown(found.changes),
        "kept": [asdict(change) for change in found.kept[:_MAX_SHOWN]],
        "mistakes": found.mistakes,
        "notes": found.notes,
        "shown": found.digest,
    }
    return dict(RollbackRow(told).data)
