"""A project's own server that speaks as OpenAI does: all its rows in one call."""

from typing import Any

from django.core.exceptions import ValidationError as ModelRefused
from django.views.decorators.debug import sensitive_variables
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.credential_states import is_presentable
from catalog.custom_endpoints import (
    PATHS,
    NewCustomEndpoint,
    create_custom_endpoint,
    version_path,
)
from catalog.models import Provider
from gateway.control.changes import changing
from gateway.control.filters import check_parameters
from gateway.control.permissions import (
    check_may,
    check_may_everywhere,
    roles_for,
)
from gateway.control.providers import ProviderFilters, ProviderRead, ProviderViewSet
from gateway.control.references import Reference
from gateway.control.schema import answers
from gateway.control.serializers import StrictSerializer
from gateway.control.viewsets import Reading
from tenants.models import Project

_MAX_KEY = 8192


def _price() -> serializers.DecimalField:
    return serializers.DecimalField(
        max_digits=18,
        decimal_places=6,
        min_value=0,
        required=False,
        allow_null=True,
        help_text="USD per million tokens; null: not known.",
    )


class CustomEndpointBody(StrictSerializer):
    project = Reference(queryset=Project.objects.all())
    name = serializers.CharField(max_length=200)
    base_url = serializers.CharField(
        max_length=500, help_text="As clients of the server are told."
    )
    model_id = serializers.CharField(
        max_length=200, help_text="The name that the server knows the model by."
    )
    key = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=_MAX_KEY,
        write_only=True,
        help_text="Sealed when saved, and never answered. Empty: it wants none.",
    )
    operations = serializers.ListField(
        child=serializers.ChoiceField([name.value for name in PATHS]),
        allow_empty=False,
        default=["chat"],
    )
    context_window = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=2**31 - 1
    )
    input_usd_per_million = _price()
    output_usd_per_million = _price()
    allow_private_addresses = serializers.BooleanField(default=False)

    @sensitive_variables("value")
    def validate_key(self, value: str) -> str:
        if not is_presentable(value):
            msg = "A key is one line of printable ASCII characters."
            raise serializers.ValidationError(msg)
        return value

    def validate_base_url(self, value: str) -> str:
        try:
            version_path(value)
        except ModelRefused as error:
            raise serializers.ValidationError(error.messages) from error
        except ValueError as error:
            raise serializers.ValidationError("This is no address.") from error
        return value


class CustomEndpointViewSet(Reading):
    """From then on it is a provider like any other, and changed as one."""

    queryset = Provider.objects.exclude(project=None)
    read_serializer_class = ProviderRead
    filterset_class = ProviderFilters
    orderings = ("slug", "id", "created_at")
    roles = {
        name: role
        for name, role in roles_for(Provider).items()
        if name in {"list", "retrieve", "create"}
    }
    example_row = {
        **ProviderViewSet.example_row,
        "slug": "nicestory-local",
        "name": "Local",
        "project": 3,
        "base_url": "https://llm.nice.example",
    }

    @extend_schema(
        summary="Add a server of a project's own",
        description=(
            "Role: `operator`. Makes provider, endpoints, credential, model and prices. "
            "`allow_private_addresses` takes the role in the whole installation."
        ),
        request=CustomEndpointBody,
        responses=answers({201: ProviderRead}, 409, 413, 415),
        examples=[
            OpenApiExample(
                "Body",
                {
                    "project": "nicestory",
                    "name": "Local",
                    "base_url": "https://llm.nice.example/v1",
                    "model_id": "qwen3-32b",
                    "key": "sk-…",
                    "input_usd_per_million": "0.10",
                    "output_usd_per_million": "0.40",
                },
                request_only=True,
            ),
            OpenApiExample("Row", example_row, response_only=True),
        ],
    )
    @sensitive_variables("body")
    def create(self, request: Request) -> Response:
        check_parameters(request, set())
        body = CustomEndpointBody(
            data=request.data, context=self.get_serializer_context()
        )
        body.is_valid(raise_exception=True)
        wanted: dict[str, Any] = body.validated_data
        role = self.roles["create"]
        check_may(self.reach, role, wanted["project"].organization_id)
        if wanted["allow_private_addresses"]:
            check_may_everywhere(self.reach, role, "allow_private_addresses")
        operations = tuple(dict.fromkeys(wanted.pop("operations")))
        with changing(Provider):
            provider = create_custom_endpoint(
                NewCustomEndpoint(operations=operations, **wanted)
            )
        return self.answered(provider, status.HTTP_201_CREATED)
