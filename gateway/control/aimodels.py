from catalog.models import AIModel, Provider
from catalog.validation import check_deactivation, check_model_operations
from gateway.control import fields
from gateway.control.filters import ContainsFilter, Filters, NamesFilter
from gateway.control.permissions import roles_for
from gateway.control.references import ReferenceFilter
from gateway.control.serializers import ReadSerializer, WriteSerializer
from gateway.control.viewsets import Configuring
from tenants.models import Project

_FIELDS = [
    "provider",
    "model_id",
    "project",
    "operations",
    "capabilities",
    "context_window",
    "max_output_tokens",
    "expected_latency_ms",
    "active",
    "deprecated_on",
    "successor",
]


class AIModelFilters(Filters):
    provider = ReferenceFilter(Provider)
    project = ReferenceFilter(Project)
    model_id = NamesFilter(lookup_expr="in")
    operation = ContainsFilter("operations")
    capability = ContainsFilter("capabilities")

    class Meta:
        model = AIModel
        fields = ["provider", "project", "model_id", "active"]


class AIModelRead(ReadSerializer):
    operations = fields.operations()
    capabilities = fields.capabilities()

    class Meta:
        model = AIModel
        fields = ["id", *_FIELDS]


class AIModelWrite(WriteSerializer[AIModel]):
    fixed = frozenset({"provider", "project"})
    operations = fields.operations(required=False, allow_empty=False)
    capabilities = fields.capabilities(required=False)

    class Meta:
        model = AIModel
        fields = _FIELDS

    def check(self, row: AIModel, before: AIModel | None) -> None:
        if before is None:
            return
        if before.active and not row.active:
            check_deactivation(models=[row])
        if before.operations != row.operations:
            check_model_operations(row)


class AIModelViewSet(Configuring):
    """Those of a shared provider are the installation's, for it pays what they cost."""

    queryset = AIModel.objects.select_related("provider__project", "project")
    read_serializer_class = AIModelRead
    write_serializer_class = AIModelWrite
    filterset_class = AIModelFilters
    orderings = ("-id", "model_id")
    roles = roles_for(AIModel)
    example_body = {
        "provider": "acme",
        "model_id": "acme-large-2",
        "operations": ["chat"],
        "capabilities": ["text", "tools", "streaming"],
        "context_window": 128000,
        "max_output_tokens": 16384,
    }
    example_row = {
        "id": 21,
        **example_body,
        "provider": 7,
        "project": None,
        "expected_latency_ms": None,
        "active": True,
        "deprecated_on": None,
        "successor": None,
    }
