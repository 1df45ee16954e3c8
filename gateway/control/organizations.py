from gateway.control.filters import Filters, NamesFilter
from gateway.control.permissions import roles_for
from gateway.control.serializers import ReadSerializer, WriteSerializer
from gateway.control.viewsets import Configuring
from tenants.models import Organization


class OrganizationFilters(Filters):
    slug = NamesFilter(lookup_expr="in")

    class Meta:
        model = Organization
        fields = ["slug", "active"]


class OrganizationRead(ReadSerializer):
    class Meta:
        model = Organization
        fields = ["id", "slug", "name", "active", "time_zone", "created_at"]


class OrganizationWrite(WriteSerializer[Organization]):
    class Meta:
        model = Organization
        fields = ["slug", "name", "active", "time_zone"]


class OrganizationViewSet(Configuring):
    """Made and deleted by the installation alone; it also gives them their slugs."""

    queryset = Organization.objects.all()
    read_serializer_class = OrganizationRead
    write_serializer_class = OrganizationWrite
    filterset_class = OrganizationFilters
    orderings = ("slug", "id")
    roles = roles_for(Organization)
    example_body = {"slug": "nice", "name": "Nice Ltd", "time_zone": "Europe/Berlin"}
    example_row = {
        "id": 2,
        "slug": "nice",
        "name": "Nice Ltd",
        "active": True,
        "time_zone": "Europe/Berlin",
        "created_at": "2026-01-01T09:00:00Z",
    }
