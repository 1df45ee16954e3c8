"""Until when nobody is told of something, and why."""

from django.contrib.auth.models import AbstractBaseUser
from rest_framework import serializers

from gateway.control.filters import Filters, since, until
from gateway.control.permissions import roles_for
from gateway.control.references import ReferenceFilter
from gateway.control.serializers import ReadSerializer, WriteSerializer
from gateway.control.viewsets import Configuring
from tenants.models import Organization, Project
from usage.models import AlertRule, AlertSilence

_FIELDS = ["organization", "project", "rule", "subject", "until", "reason"]


class AlertSilenceFilters(Filters):
    organization = ReferenceFilter(Organization)
    project = ReferenceFilter(Project)
    rule = ReferenceFilter(AlertRule)
    until_after = since("until")
    until_before = until("until")

    class Meta:
        model = AlertSilence
        fields = ["organization", "project", "rule", "subject"]


class AlertSilenceRead(ReadSerializer):
    silenced_by = serializers.CharField(
        source="silenced_by.get_username", default=None, allow_null=True
    )

    class Meta:
        model = AlertSilence
        fields = ["id", *_FIELDS, "silenced_by", "created_at"]


class AlertSilenceWrite(WriteSerializer[AlertSilence]):
    fixed = frozenset({"organization", "project"})

    class Meta:
        model = AlertSilence
        fields = _FIELDS

    def prepare(
        self, row: AlertSilence, before: AlertSilence | None, written: object
    ) -> None:
        user = self.context["request"].user
        if before is None and isinstance(user, AbstractBaseUser):
            row.silenced_by_id = user.pk


class AlertSilenceViewSet(Configuring):
    queryset = AlertSilence.objects.select_related(
        "organization", "project", "rule", "silenced_by"
    )
    read_serializer_class = AlertSilenceRead
    write_serializer_class = AlertSilenceWrite
    filterset_class = AlertSilenceFilters
    orderings = ("-id", "until")
    roles = roles_for(AlertSilence)
    example_body = {
        "project": "nicestory",
        "subject": "acme/acme-large-2",
        "until": "2026-01-02T09:00:00Z",
        "reason": "The provider is being moved.",
    }
    example_row = {
        "id": 2,
        **example_body,
        "organization": 1,
        "project": 3,
        "rule": None,
        "silenced_by": "ada",
        "created_at": "2026-01-01T09:00:00Z",
    }
