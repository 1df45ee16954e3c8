from catalog.models import Endpoint, Provider
from catalog.validation import check_endpoints
from gateway.control.filters import Filters
from gateway.control.permissions import roles_for
from gateway.control.references import ReferenceFilter
from gateway.control.serializers import ReadSerializer, WriteSerializer
from gateway.control.viewsets import Configuring

_FIELDS = ["provider", "operation", "pattern", "handler", "priority", "active"]


class EndpointFilters(Filters):
    provider = ReferenceFilter(Provider)

    class Meta:
        model = Endpoint
        fields = ["provider", "operation", "handler", "active"]


class EndpointRead(ReadSerializer):
    class Meta:
        model = Endpoint
        fields = ["id", *_FIELDS]


class EndpointWrite(WriteSerializer[Endpoint]):
    fixed = frozenset({"provider"})

    class Meta:
        model = Endpoint
        fields = _FIELDS

    def check(self, row: Endpoint, before: Endpoint | None) -> None:
        others = Endpoint.objects.filter(
            provider=row.provider, operation=row.operation
        ).exclude(pk=row.pk)
        for other in others:
            check_endpoints([row, other])


class EndpointViewSet(Configuring):
    queryset = Endpoint.objects.select_related("provider__project")
    read_serializer_class = EndpointRead
    write_serializer_class = EndpointWrite
    filterset_class = EndpointFilters
    orderings = ("-id", "priority")
    roles = roles_for(Endpoint)
    example_body = {
        "provider": "acme",
        "operation": "chat",
        "pattern": "/v1/chat/completions",
        "handler": "openai_chat",
        "priority": 10,
    }
    example_row = {"id": 11, **example_body, "provider": 7, "active": True}
