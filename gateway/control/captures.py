"""Captured texts: forgotten by project, or by end user. Nobody reads them here."""

from typing import Any

from django.db import transaction
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from gateway.control.filters import check_parameters
from gateway.control.permissions import access_of, check_may
from gateway.control.references import Reference
from gateway.control.schema import answers
from gateway.control.serializers import StrictSerializer
from gateway.control.viewsets import ControlView
from tenants.models import Project
from usage import captures
from usage.models import CapturedText

_ROLE = access_of(CapturedText).change


class TextsPurgeBody(StrictSerializer):
    project = Reference(queryset=Project.objects.all())
    end_user = serializers.CharField(
        required=False,
        max_length=200,
        help_text="What the project calls the user; without it: all of the project's.",
    )


class TextsPurged(serializers.Serializer[Any]):
    deleted = serializers.IntegerField(help_text="How many requests were forgotten.")


class CapturesViewSet(ControlView, ViewSet):
    roles = {"purge": _ROLE}

    @extend_schema(
        summary="Delete captured texts of a project, or of one of its end users",
        description=(
            f"Role: `{_ROLE.value}`. The texts of requests and answers are gone for "
            "good; usage stays."
        ),
        request=TextsPurgeBody,
        responses=answers({200: TextsPurged}, 413, 415),
        examples=[
            OpenApiExample(
                "Body", {"project": "nicestory", "end_user": "u-17"}, request_only=True
            ),
            OpenApiExample("Purged", {"deleted": 12}, response_only=True),
        ],
    )
    @action(detail=False, methods=["post"])
    def purge(self, request: Request) -> Response:
        check_parameters(request, set())
        body = TextsPurgeBody(data=request.data, context={"request": request})
        body.is_valid(raise_exception=True)
        project: Project = body.validated_data["project"]
        check_may(self.reach, _ROLE, project.organization_id)
        with transaction.atomic():
            deleted = captures.purge(project, body.validated_data.get("end_user"))
        return Response({"deleted": deleted})
