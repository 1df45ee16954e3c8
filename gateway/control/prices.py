"""Prices: added, never edited. One that is not in force yet can be taken back."""

from django.utils import timezone

from catalog.models import AIModel, Price
from gateway.control.errors import Conflict
from gateway.control.filters import Filters, since, until
from gateway.control.permissions import roles_for
from gateway.control.references import ReferenceFilter
from gateway.control.serializers import ReadSerializer, WriteSerializer
from gateway.control.viewsets import Creating, Removing

_FIELDS = [
    "model",
    "component",
    "per_million",
    "per_unit",
    "min_input_tokens",
    "valid_from",
]


class PriceFilters(Filters):
    model = ReferenceFilter(AIModel)
    since = since("valid_from")
    until = until("valid_from")

    class Meta:
        model = Price
        fields = ["model", "component"]


class PriceRead(ReadSerializer):
    class Meta:
        model = Price
        fields = ["id", *_FIELDS, "created_at"]


class PriceWrite(WriteSerializer[Price]):
    class Meta:
        model = Price
        fields = _FIELDS


class PriceViewSet(Creating, Removing):
    queryset = Price.objects.select_related(
        "model__provider__project", "model__project"
    )
    read_serializer_class = PriceRead
    write_serializer_class = PriceWrite
    filterset_class = PriceFilters
    orderings = ("-valid_from", "id")
    roles = roles_for(Price)
    example_body = {
        "model": "acme/acme-large-2",
        "component": "input",
        "per_million": "2.00",
        "valid_from": "2026-01-01T00:00:00Z",
    }
    example_row = {
        "id": 31,
        **example_body,
        "model": 21,
        "per_million": "2.000000",
        "per_unit": None,
        "min_input_tokens": 0,
        "created_at": "2025-12-20T09:00:00Z",
    }

    def check_may_go(self, row: Price) -> None:
        if row.valid_from <= timezone.now():
            msg = "It is, or was, in force, and stays: add one with a later date."
            raise Conflict(msg)
        super().check_may_go(row)
