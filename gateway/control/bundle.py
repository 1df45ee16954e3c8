"""Configuration as code over HTTP: for those who configure the whole installation."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
)
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from catalog.bundle import (
    BundleRefused,
    Plan,
    apply_bundle,
    dump_document,
    export_bundle,
    load_document,
    plan_bundle,
)
from catalog.bundle.values import plain
from catalog.models import Provider
from gateway.control.changes import changing
from gateway.control.errors import NOT_FIELDS
from gateway.control.filters import check_parameters
from gateway.control.parsing import YAML_PARSERS
from gateway.control.permissions import check_may_everywhere
from gateway.control.schema import answers
from gateway.control.viewsets import ControlView
from tenants.models import Role

_PRUNE = {"true": True, "false": False}


class DifferenceRow(serializers.Serializer[Any]):
    name = serializers.CharField()
    before = serializers.JSONField()
    after = serializers.JSONField()


class PlannedChange(serializers.Serializer[Any]):
    action = serializers.ChoiceField(["create", "change", "deactivate", "delete"])
    kind = serializers.CharField()
    key = serializers.ListField(child=serializers.JSONField())
    why = serializers.CharField()
    differences = DifferenceRow(many=True)


class PlanRow(serializers.Serializer[Any]):
    summary = serializers.CharField()
    changes = PlannedChange(many=True)
    unchanged = serializers.IntegerField(help_text="Rows that stay as they are.")
    notes = serializers.ListField(child=serializers.CharField())


_BUNDLE = (
    "providers:\n"
    "  - slug: acme\n"
    "    base_url: https://api.acme.example\n"
    "    handler: openai_chat\n"
    "    credential: env:ACME_API_KEY\n"
)
_PLAN = {
    "summary": "1 created, 0 changed, 0 removed, 12 unchanged",
    "changes": [
        {
            "action": "create",
            "kind": "provider",
            "key": ["acme"],
            "why": "",
            "differences": [
                {"name": "handler", "before": None, "after": "openai_chat"}
            ],
        }
    ],
    "unchanged": 12,
    "notes": [],
}
_YAML = "application/yaml"
_TAKES_BUNDLE: Any = {
    "parameters": [
        OpenApiParameter(
            "prune", bool, default=False, description="Remove what it leaves out."
        )
    ],
    "request": {_YAML: {"type": "string", "description": "A bundle."}},
    "responses": answers({200: PlanRow}, 409, 413, 415),
    "examples": [
        OpenApiExample("Bundle", _BUNDLE, request_only=True, media_type=_YAML),
        OpenApiExample("Plan", _PLAN, response_only=True),
    ],
}


class BundleViewSet(ControlView, ViewSet):
    parser_classes = YAML_PARSERS
    roles = {"plan": Role.OPERATOR, "apply": Role.OPERATOR, "export": Role.READ_ONLY}

    def check_permissions(self, request: Request) -> None:
        super().check_permissions(request)
        if role := self.roles.get(self.action or ""):
            check_may_everywhere(self.reach, role, "Bundles")

    @extend_schema(
        summary="Show what applying a bundle would change",
        description="Role: `operator` in the whole installation.",
        **_TAKES_BUNDLE,
    )
    @action(detail=False, methods=["post"])
    def plan(self, request: Request) -> Response:
        prune = _prune(request)
        with _refusing():
            plan = plan_bundle(load_document(_text(request)), prune=prune)
        return Response(_shown(plan))

    @extend_schema(
        summary="Make the configuration look like a bundle, or change nothing",
        description="Role: `operator` in the whole installation.",
        **_TAKES_BUNDLE,
    )
    @action(detail=False, methods=["post"])
    def apply(self, request: Request) -> Response:
        prune = _prune(request)
        with _refusing():
            document = load_document(_text(request))
            plan = apply_bundle(document, actor="control API", prune=prune)
        return Response(_shown(plan))

    @extend_schema(
        summary="The whole configuration, as a bundle",
        description=(
            "Role: `read_only` in the whole installation. Secrets are not in it; what "
            "is missing stands in comments above."
        ),
        request=None,
        responses=answers(
            {(200, _YAML): OpenApiResponse({"type": "string"}, "The bundle.")}
        ),
        examples=[OpenApiExample("Bundle", _BUNDLE, media_type=_YAML)],
    )
    @action(detail=False, methods=["get"])
    def export(self, request: Request) -> HttpResponse:
        check_parameters(request, set())
        document, notes = export_bundle()
        text = dump_document(document) if document else "{}\n"
        comments = "".join(f"# {note}\n" for note in notes)
        return HttpResponse(f"{comments}{text}", content_type=f"{_YAML}; charset=utf-8")


@contextmanager
def _refusing() -> Iterator[None]:
    """Answer every mistake of a refused bundle, each under its place in the file."""
    try:
        with changing(Provider):
            yield
    except BundleRefused as refused:
        mistakes: dict[str, list[str]] = {}
        for mistake in refused.mistakes:
            mistakes.setdefault(mistake.path or NOT_FIELDS, []).append(mistake.message)
        raise ValidationError(mistakes) from refused


def _prune(request: Request) -> bool:
    check_parameters(request, {"prune"})
    text = request.query_params.get("prune", "false")
    if text not in _PRUNE:
        raise ValidationError({"prune": "This is true or false."})
    return _PRUNE[text]


def _text(request: Request) -> str:
    data: object = request.data
    if isinstance(data, str):
        return data
    raise ValidationError("Send a bundle as application/yaml.")


def _shown(plan: Plan) -> dict[str, Any]:
    return {
        "summary": plan.summary(),
        "changes": [
            {
                "action": change.action.value,
                "kind": change.kind,
                "key": [plain(part) for part in change.key],
                "why": change.why,
                "differences": [
                    {"name": d.name, "before": plain(d.before), "after": plain(d.after)}
                    for d in change.differences
                ],
            }
            for change in plan.changes
        ],
        "unchanged": plan.unchanged,
        "notes": [str(note) for note in plan.notes],
    }
