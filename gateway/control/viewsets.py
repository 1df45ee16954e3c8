"""What the resources have in common: who may use them, and how they are read and written.

A resource names its rows, its serializers, its filters and, in `roles`, the role that
each action needs; an action without one is closed to everybody.
"""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.db.models import Model, QuerySet
from django.http import Http404
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from gateway.control.authentication import (
    AdminSessionAuthentication,
    OperatorTokenAuthentication,
)
from gateway.control.changes import changing, check_unused
from gateway.control.errors import render_error
from gateway.control.etags import check_match, etag_of
from gateway.control.filters import Filters, KnownFilters, check_parameters
from gateway.control.pages import CursorPages
from gateway.control.parsing import AlwaysJSON, StrictJSONParser
from gateway.control.permissions import (
    HasRole,
    access_of,
    check_may_change,
    check_may_everywhere,
    reach_in,
)
from gateway.control.schema import ControlSchema
from gateway.control.serializers import ReadSerializer, WriteSerializer
from gateway.private_answers import PrivateAnswers
from tenants.access import seen_by
from tenants.models import Role
from tenants.roles import Reach


class ControlView(PrivateAnswers, APIView):
    """The base of every route of the control API."""

    authentication_classes = [OperatorTokenAuthentication, AdminSessionAuthentication]
    permission_classes = [HasRole]
    parser_classes = [StrictJSONParser]
    content_negotiation_class = AlwaysJSON
    metadata_class = None
    schema = ControlSchema()
    roles: ClassVar[dict[str, Role]] = {}

    def get_exception_handler(self) -> Any:
        return render_error

    @property
    def reach(self) -> Reach:
        return reach_in(self.request)


class ControlViewSet(ControlView, GenericViewSet[Any]):
    """Rows of one model."""

    queryset: QuerySet[Any]
    pagination_class = CursorPages
    filter_backends = [KnownFilters]
    filterset_class: type[Filters] | None = None
    lookup_value_regex = r"[0-9]+"
    orderings: ClassVar[tuple[str, ...]] = ("-id",)
    read_serializer_class: type[ReadSerializer]
    write_serializer_class: type[WriteSerializer[Any]] | None = None
    # What the schema shows: a body, and a row as it is answered.
    example_body: ClassVar[dict[str, Any]] = {}
    example_row: ClassVar[dict[str, Any]] = {}

    @property
    def model(self) -> type[Model]:
        return self.queryset.model

    def get_queryset(self) -> QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset.none()
        return self.queryset.filter(seen_by(self.reach, self.model))

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        return self.read_serializer_class

    def get_object(self) -> Any:
        """Return the row of the address; 404 where it is not within reach."""
        check_parameters(self.request, set())
        return self._get(self.get_queryset())

    def locked(self) -> Any:
        """Return the row, which nobody else changes until the transaction ends."""
        check_parameters(self.request, set())
        row = self._get(self.get_queryset().select_for_update(of=("self",)))
        check_match(self.request, self.etag(row))
        return row

    def _get(self, rows: QuerySet[Any]) -> Any:
        row = rows.filter(pk=self.kwargs[self.lookup_field]).first()
        if row is None:
            raise Http404
        self.check_object_permissions(self.request, row)
        return row

    def check_may_keep(self, row: Model) -> None:
        """Refuse a row, as it is to be written, that the caller may not write."""
        check_may_change(self.reach, row, self.roles[self.action])

    def check_is_given(self) -> None:
        """Refuse to add or delete what the installation alone does."""
        access = access_of(self.model)
        if access.is_given:
            what = str(self.model._meta.verbose_name_plural)
            check_may_everywhere(self.reach, access.change, what)

    def parts_of(self, row: Any) -> Iterable[Model]:
        """Return the rows that are written together with this one."""
        return ()

    def etag(self, row: Any) -> str:
        return etag_of(row, self.parts_of(row))

    def answer(self, row: Any) -> dict[str, Any]:
        context = self.get_serializer_context()
        return dict(self.read_serializer_class(row, context=context).data)

    def answered(self, row: Any, code: int = status.HTTP_200_OK) -> Response:
        """Answer with the row as it now is in the database."""
        fresh = self.queryset.get(pk=row.pk)
        return Response(self.answer(fresh), code, headers={"ETag": self.etag(fresh)})

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        context = self.get_serializer_context()
        serializer = self.read_serializer_class(page, many=True, context=context)
        return self.get_paginated_response(serializer.data)

    def save(self, serializer: Any) -> Any:
        serializer.is_valid(raise_exception=True)
        return serializer.save()

    def written(self, row: Any = None, *, partial: bool = False) -> Any:
        """Return the serializer of what was sent."""
        serializer_class = self.write_serializer_class
        if serializer_class is None:
            raise Http404
        return serializer_class(
            row,
            data=self.request.data,
            partial=partial,
            context=self.get_serializer_context(),
        )


class Reading(ControlViewSet):
    def retrieve(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        return Response(self.answer(row), headers={"ETag": self.etag(row)})


class Creating(Reading):
    def create(self, request: Request) -> Response:
        check_parameters(request, set())
        self.check_is_given()
        with changing(self.model):
            row = self.save(self.written())
        return self.answered(row, status.HTTP_201_CREATED)


class Changing(Reading):
    def update(self, request: Request, pk: str) -> Response:
        return self._change(partial=False)

    def partial_update(self, request: Request, pk: str) -> Response:
        return self._change(partial=True)

    def _change(self, *, partial: bool) -> Response:
        with changing(self.model):
            row = self.save(self.written(self.locked(), partial=partial))
        return self.answered(row)


class Removing(Reading):
    def destroy(self, request: Request, pk: str) -> Response:
        with changing(self.model):
            row = self.locked()
            self.check_is_given()
            self.check_may_go(row)
            row.delete()
        return Response(status=status.HTTP_204_NO_CONTENT)

    def check_may_go(self, row: Any) -> None:
        """Refuse to delete what is needed elsewhere."""
        check_unused(row, self.reach)


class Configuring(Creating, Changing, Removing):
    """Rows that are made, changed and deleted."""
