from gateway.control.filters import Filters, NamesFilter
from gateway.control.permissions import roles_for
from gateway.control.references import ReferenceFilter
from gateway.control.serializers import ReadSerializer, WriteSerializer
from gateway.control.viewsets import Configuring
from tenants.models import EndUser, Project

_FIELDS = [
    "project",
    "external_id",
    "name",
    "default_model",
    "preferred_provider",
    "active",
]


class EndUserFilters(Filters):
    project = ReferenceFilter(Project)
    external_id = NamesFilter(lookup_expr="in")

    class Meta:
        model = EndUser
        fields = ["project", "external_id", "active"]


class EndUserRead(ReadSerializer):
    class Meta:
        model = EndUser
        fields = ["id", *_FIELDS, "created_at"]


class EndUserWrite(WriteSerializer[EndUser]):
    fixed = frozenset({"project", "external_id"})

    class Meta:
        model = EndUser
        fields = _FIELDS


class EndUserViewSet(Configuring):
    queryset = EndUser.objects.all()
    read_serializer_class = EndUserRead
    write_serializer_class = EndUserWrite
    filterset_class = EndUserFilters
    orderings = ("-id", "external_id", "created_at")
    roles = roles_for(EndUser)
    example_body = {
        "project": "nicestory",
        "external_id": "user-17",
        "name": "Ada",
        "default_model": "smart",
    }
    example_row = {
        "id": 8,
        **example_body,
        "project": 3,
        "preferred_provider": "",
        "active": True,
        "created_at": "2026-01-01T09:00:00Z",
    }
