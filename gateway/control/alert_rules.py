"""What is looked for, where, and from which bound on people are told."""

from gateway.control.errors import Conflict
from gateway.control.filters import Filters
from gateway.control.permissions import roles_for
from gateway.control.references import ReferenceFilter
from gateway.control.serializers import ReadSerializer, WriteSerializer
from gateway.control.viewsets import Configuring
from tenants.models import Organization, Project
from usage.models import AlertRule

_FIELDS = [
    "organization",
    "project",
    "name",
    "kind",
    "threshold",
    "at_least",
    "window_minutes",
    "channel",
    "active",
]


class AlertRuleFilters(Filters):
    organization = ReferenceFilter(Organization)
    project = ReferenceFilter(Project)

    class Meta:
        model = AlertRule
        fields = ["organization", "project", "kind", "active"]


class AlertRuleRead(ReadSerializer):
    class Meta:
        model = AlertRule
        fields = ["id", *_FIELDS, "created_at"]


class AlertRuleWrite(WriteSerializer[AlertRule]):
    fixed = frozenset({"organization", "project"})

    class Meta:
        model = AlertRule
        fields = _FIELDS


class AlertRuleViewSet(Configuring):
    queryset = AlertRule.objects.select_related("organization", "project")
    read_serializer_class = AlertRuleRead
    write_serializer_class = AlertRuleWrite
    filterset_class = AlertRuleFilters
    orderings = ("-id", "name")
    roles = roles_for(AlertRule)
    example_body = {
        "project": "nicestory",
        "name": "Models that fail us",
        "kind": "errors",
        "threshold": "10",
        "at_least": "50",
        "window_minutes": 15,
    }
    example_row = {
        "id": 14,
        **example_body,
        "organization": 1,
        "project": 3,
        "threshold": "10.0000",
        "at_least": "50.0000",
        "channel": None,
        "active": True,
        "created_at": "2026-01-01T09:00:00Z",
    }

    def check_may_go(self, row: AlertRule) -> None:
        if row.ready:
            msg = "It comes with the installation; set active to false instead."
            raise Conflict(msg)
        super().check_may_go(row)
