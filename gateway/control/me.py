"""Who is asking, and what they may do where."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from gateway.control.filters import check_parameters
from gateway.control.schema import answers
from gateway.control.viewsets import ControlView
from tenants.models import OperatorToken, Organization, Role


class RoleRow(serializers.Serializer[Any]):
    organization = serializers.IntegerField()
    slug = serializers.CharField()
    role = serializers.ChoiceField(Role.choices)


class MeRow(serializers.Serializer[Any]):
    user = serializers.CharField()
    operator_token = serializers.CharField(
        allow_null=True, help_text="Prefix; null in a session of the admin."
    )
    everywhere = serializers.ChoiceField(
        Role.choices, allow_null=True, help_text="Role in the whole installation."
    )
    organizations = RoleRow(many=True)


class MeViewSet(ControlView, ViewSet):
    roles = {"show": Role.READ_ONLY}

    @extend_schema(
        summary="Tell who is asking, and their roles",
        request=None,
        responses=answers({200: MeRow}),
        examples=[
            OpenApiExample(
                "An operator of one organization",
                {
                    "user": "ada",
                    "operator_token": "sbo_8sKx01PqLm3TzV",
                    "everywhere": None,
                    "organizations": [
                        {"organization": 2, "slug": "nice", "role": "operator"}
                    ],
                },
                response_only=True,
            )
        ],
    )
    def show(self, request: Request) -> Response:
        check_parameters(request, set())
        held = self.reach.organizations
        slugs = dict(Organization.objects.filter(pk__in=held).values_list("pk", "slug"))
        token = request.auth
        return Response(
            {
                "user": request.user.get_username(),
                "operator_token": (
                    token.prefix if isinstance(token, OperatorToken) else None
                ),
                "everywhere": self.reach.everywhere,
                "organizations": [
                    {"organization": pk, "slug": slugs[pk], "role": role}
                    for pk, role in held.items()
                    if pk in slugs
                ],
            }
        )
