from typing import Any

from rest_framework import serializers

from gateway.control.filters import Filters
from gateway.control.permissions import roles_for
from gateway.control.references import ReferenceFilter
from gateway.control.serializers import ReadSerializer, WriteSerializer
from gateway.control.viewsets import Configuring
from tenants.models import ApiKey, Budget, EndUser, Organization, Project

_FIELDS = [
    "organization",
    "project",
    "api_key",
    "end_user",
    "each_end_user",
    "alias",
    "amount_usd",
    "per",
    "mode",
    "warn_at",
    "active",
]


class BudgetFilters(Filters):
    organization = ReferenceFilter(Organization)
    project = ReferenceFilter(Project)
    api_key = ReferenceFilter(ApiKey)
    end_user = ReferenceFilter(EndUser)

    class Meta:
        model = Budget
        fields = [
            "organization",
            "project",
            "api_key",
            "end_user",
            "each_end_user",
            "alias",
            "per",
            "mode",
            "active",
        ]


def _percentages(**options: Any) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=100), **options
    )


class BudgetRead(ReadSerializer):
    warn_at = _percentages()

    class Meta:
        model = Budget
        fields = ["id", *_FIELDS]


class BudgetWrite(WriteSerializer[Budget]):
    fixed = frozenset({"organization", "project"})
    warn_at = _percentages(required=False)

    class Meta:
        model = Budget
        fields = _FIELDS


class BudgetViewSet(Configuring):
    queryset = Budget.objects.select_related("project")
    read_serializer_class = BudgetRead
    write_serializer_class = BudgetWrite
    filterset_class = BudgetFilters
    orderings = ("-id", "amount_usd")
    roles = roles_for(Budget)
    example_body = {
        "project": "nicestory",
        "amount_usd": "50.00",
        "per": "month",
        "mode": "hard",
        "warn_at": [50, 80, 95],
    }
    example_row = {
        "id": 6,
        **example_body,
        "organization": None,
        "project": 3,
        "amount_usd": "50.0000",
        "api_key": None,
        "end_user": None,
        "each_end_user": False,
        "alias": "",
        "active": True,
    }
