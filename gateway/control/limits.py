from gateway.control.filters import Filters
from gateway.control.permissions import roles_for
from gateway.control.references import ReferenceFilter
from gateway.control.serializers import ReadSerializer, WriteSerializer
from gateway.control.viewsets import Configuring
from tenants.models import ApiKey, EndUser, Limit, Project

_FIELDS = [
    "project",
    "api_key",
    "end_user",
    "each_end_user",
    "alias",
    "metric",
    "amount",
    "per",
    "shadow",
    "active",
]


class LimitFilters(Filters):
    project = ReferenceFilter(Project)
    api_key = ReferenceFilter(ApiKey)
    end_user = ReferenceFilter(EndUser)

    class Meta:
        model = Limit
        fields = [
            "project",
            "api_key",
            "end_user",
            "each_end_user",
            "alias",
            "metric",
            "per",
            "shadow",
            "active",
        ]


class LimitRead(ReadSerializer):
    class Meta:
        model = Limit
        fields = ["id", *_FIELDS]


class LimitWrite(WriteSerializer[Limit]):
    fixed = frozenset({"project"})

    class Meta:
        model = Limit
        fields = _FIELDS


class LimitViewSet(Configuring):
    queryset = Limit.objects.all()
    read_serializer_class = LimitRead
    write_serializer_class = LimitWrite
    filterset_class = LimitFilters
    orderings = ("-id", "amount")
    roles = roles_for(Limit)
    example_body = {
        "project": "nicestory",
        "metric": "requests",
        "amount": 600,
        "per": "minute",
    }
    example_row = {
        "id": 4,
        **example_body,
        "project": 3,
        "api_key": None,
        "end_user": None,
        "each_end_user": False,
        "alias": "",
        "shadow": False,
        "active": True,
    }
