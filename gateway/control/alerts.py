"""What the rules have found, and whether it was told."""

from gateway.control import fields
from gateway.control.filters import Filters, NamesFilter, since, until
from gateway.control.permissions import roles_for
from gateway.control.references import ReferenceFilter
from gateway.control.serializers import ReadSerializer
from gateway.control.viewsets import Reading
from tenants.models import Organization, Project
from usage.models import Alert, AlertRule


class AlertFilters(Filters):
    organization = ReferenceFilter(Organization)
    project = ReferenceFilter(Project)
    rule = ReferenceFilter(AlertRule)
    kind = NamesFilter(lookup_expr="in")
    since = since("created_at")
    until = until("created_at")

    class Meta:
        model = Alert
        fields = ["organization", "project", "rule", "kind", "subject"]


class AlertRead(ReadSerializer):
    facts = fields.values_by_name()

    class Meta:
        model = Alert
        fields = [
            "id",
            "rule",
            "kind",
            "organization",
            "project",
            "subject",
            "title",
            "facts",
            "notification",
            "silence",
            "created_at",
        ]


class AlertViewSet(Reading):
    queryset = Alert.objects.all()
    read_serializer_class = AlertRead
    filterset_class = AlertFilters
    orderings = ("-created_at",)
    roles = roles_for(Alert)
    example_row = {
        "id": 71,
        "rule": 14,
        "kind": "errors",
        "organization": 1,
        "project": 3,
        "subject": "acme/acme-large-2",
        "title": "acme/acme-large-2: 34 % of attempts fail",
        "facts": {"model": "acme/acme-large-2", "attempts": 410, "failed": 139},
        "notification": "6a0c2a8e-37a1-4d4e-8a77-5a2e8b2b1b6f",
        "silence": None,
        "created_at": "2026-01-01T09:14:03Z",
    }
