"""Reports that are drawn up by themselves: what they tell, when, and whom."""

from typing import Any

from rest_framework import serializers

from gateway.control.filters import Filters
from gateway.control.permissions import roles_for
from gateway.control.references import ReferenceFilter
from gateway.control.serializers import ReadSerializer, WriteSerializer
from gateway.control.viewsets import Configuring
from tenants.models import Organization, Project
from usage.models import ReportDefinition, Section

_FIELDS = [
    "organization",
    "project",
    "name",
    "period",
    "time_zone",
    "hour",
    "sections",
    "delivery",
    "recipients",
    "webhook",
    "active",
]


class ReportDefinitionFilters(Filters):
    organization = ReferenceFilter(Organization)
    project = ReferenceFilter(Project)

    class Meta:
        model = ReportDefinition
        fields = ["organization", "project", "period", "delivery", "active"]


def _sections(**options: Any) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.ChoiceField(Section.choices), **options
    )


class ReportDefinitionRead(ReadSerializer):
    sections = _sections()

    class Meta:
        model = ReportDefinition
        fields = ["id", *_FIELDS, "created_at"]


class ReportDefinitionWrite(WriteSerializer[ReportDefinition]):
    fixed = frozenset({"organization", "project"})
    sections = _sections(required=False)

    class Meta:
        model = ReportDefinition
        fields = _FIELDS


class ReportDefinitionViewSet(Configuring):
    queryset = ReportDefinition.objects.select_related("organization", "project")
    read_serializer_class = ReportDefinitionRead
    write_serializer_class = ReportDefinitionWrite
    filterset_class = ReportDefinitionFilters
    orderings = ("-id", "name")
    roles = roles_for(ReportDefinition)
    example_body = {
        "project": "nicestory",
        "name": "Weekly figures",
        "period": "week",
        "time_zone": "Europe/Berlin",
        "hour": 6,
        "sections": ["traffic", "cost", "errors", "latency", "cache"],
        "delivery": "email",
        "recipients": "boss@nice.example",
    }
    example_row = {
        "id": 3,
        **example_body,
        "organization": 1,
        "project": 3,
        "webhook": None,
        "active": True,
        "created_at": "2026-01-01T09:00:00Z",
    }
