from gateway.control.filters import Filters
from gateway.control.permissions import roles_for
from gateway.control.references import ReferenceFilter
from gateway.control.serializers import ReadSerializer, WriteSerializer
from gateway.control.viewsets import Configuring
from tenants.context.scopes import DEFAULT_ENTRY_TEMPLATE, DEFAULT_TEMPLATE
from tenants.models import ContextScope, Project

_FIELDS = [
    "project",
    "name",
    "kinds",
    "token_budget",
    "order",
    "selection",
    "template",
    "entry_template",
]


class ContextScopeFilters(Filters):
    project = ReferenceFilter(Project)

    class Meta:
        model = ContextScope
        fields = ["project", "name", "selection"]


class ContextScopeRead(ReadSerializer):
    class Meta:
        model = ContextScope
        fields = ["id", *_FIELDS]


class ContextScopeWrite(WriteSerializer[ContextScope]):
    fixed = frozenset({"project"})

    class Meta:
        model = ContextScope
        fields = _FIELDS


class ContextScopeViewSet(Configuring):
    queryset = ContextScope.objects.all()
    read_serializer_class = ContextScopeRead
    write_serializer_class = ContextScopeWrite
    filterset_class = ContextScopeFilters
    orderings = ("-id", "name")
    roles = roles_for(ContextScope)
    example_body = {
        "project": "nicestory",
        "name": "standard",
        "kinds": [{"kind": "feels", "days": 7, "max_entries": 50}],
        "token_budget": 2000,
    }
    example_row = {
        "id": 3,
        **example_body,
        "project": 3,
        "order": "newest_first",
        "selection": "newest",
        "template": DEFAULT_TEMPLATE,
        "entry_template": DEFAULT_ENTRY_TEMPLATE,
    }
