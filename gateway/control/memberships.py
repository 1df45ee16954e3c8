"""Who holds which role where. People themselves are made in the admin, or by signing in."""

from django.contrib.auth import get_user_model
from rest_framework import serializers

from gateway.control.filters import Filters, YesNoFilter
from gateway.control.permissions import roles_for
from gateway.control.references import ReferenceFilter
from gateway.control.serializers import ReadSerializer, WriteSerializer
from gateway.control.viewsets import Configuring
from tenants.models import Membership, Organization


class MembershipFilters(Filters):
    user = ReferenceFilter(get_user_model())
    organization = ReferenceFilter(Organization)
    everywhere = YesNoFilter(
        "organization", "isnull", label="Roles in the whole installation."
    )

    class Meta:
        model = Membership
        fields = ["user", "organization", "role"]


class MembershipRead(ReadSerializer):
    username = serializers.CharField(source="user.get_username")

    class Meta:
        model = Membership
        fields = ["id", "user", "username", "organization", "role", "created_at"]


class MembershipWrite(WriteSerializer[Membership]):
    fixed = frozenset({"user", "organization"})

    class Meta:
        model = Membership
        fields = ["user", "organization", "role"]


class MembershipViewSet(Configuring):
    queryset = Membership.objects.select_related("user")
    read_serializer_class = MembershipRead
    write_serializer_class = MembershipWrite
    filterset_class = MembershipFilters
    orderings = ("-id", "created_at")
    roles = roles_for(Membership)
    example_body = {"user": "ada", "organization": "nice", "role": "analyst"}
    example_row = {
        "id": 9,
        "user": 4,
        "username": "ada",
        "organization": 2,
        "role": "analyst",
        "created_at": "2026-01-01T09:00:00Z",
    }
