"""A project's own end users: listed, made, changed and taken away with its key."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.views.decorators.debug import sensitive_variables
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.models import Credential, Provider
from gateway.control.changes import changing
from gateway.control.pages import CursorPages
from gateway.control.parsing import StrictJSONParser
from gateway.control.serializers import StrictSerializer
from gateway.end_users import schema
from gateway.end_users.errors import render_refusal
from gateway.end_users.serializers import (
    BudgetsSerializer,
    CredentialSerializer,
    EndUserSerializer,
    LimitsSerializer,
    NewCredentialSerializer,
)
from gateway.key_authentication import HasKeyScope, KeyAuthentication, project_of
from gateway.private_answers import PrivateAnswers
from tenants.models import Budget, EndUser, Limit
from tenants.scopes import Scope

_CREDENTIAL_NAME = "own"


class EndUserRoute(PrivateAnswers, APIView):
    """The base of these routes."""

    authentication_classes = [KeyAuthentication]
    permission_classes = [HasKeyScope]
    parser_classes = [StrictJSONParser]
    scope = Scope.END_USERS.value

    def get_exception_handler(self) -> Any:
        return render_refusal

    def users(self) -> QuerySet[EndUser]:
        return EndUser.objects.for_project(project_of(self.request))

    def user(self, external_id: str, *, locked: bool = False) -> EndUser:
        users = self.users()
        if locked:
            users = users.select_for_update(of=("self",))
        found = users.filter(external_id=external_id).first()
        if found is None:
            msg = "The project has no such end user; POST /api/end-users makes one."
            raise NotFound(msg)
        return found

    def read(self, serializer: Any) -> dict[str, Any]:
        serializer.is_valid(raise_exception=True)
        found: dict[str, Any] = serializer.validated_data
        return found


class EndUsersView(EndUserRoute):
    orderings = ("-id", "external_id", "created_at")

    @extend_schema(**schema.LIST)
    def get(self, request: Request) -> Response:
        pages = CursorPages()
        users = self.users().prefetch_related("credentials__provider")
        page = pages.paginate_queryset(users, request, self)
        return pages.get_paginated_response(EndUserSerializer(page, many=True).data)

    @extend_schema(**schema.CREATE)
    def post(self, request: Request) -> Response:
        values = self.read(EndUserSerializer(data=request.data))
        with changing(EndUser):
            user = EndUser(project=project_of(request), **values)
            user.full_clean()
            user.save()
        return Response(EndUserSerializer(user).data, status.HTTP_201_CREATED)


class EndUserView(EndUserRoute):
    @extend_schema(**schema.SHOW)
    def get(self, request: Request, external_id: str) -> Response:
        return Response(EndUserSerializer(self.user(external_id)).data)

    @extend_schema(**schema.CHANGE)
    def patch(self, request: Request, external_id: str) -> Response:
        with changing(EndUser):
            user = self.user(external_id, locked=True)
            serializer = EndUserSerializer(user, data=request.data, partial=True)
            for name, value in self.read(serializer).items():
                setattr(user, name, value)
            user.full_clean()
            user.save()
        return Response(EndUserSerializer(user).data)

    @extend_schema(**schema.DELETE)
    def delete(self, request: Request, external_id: str) -> Response:
        with changing(EndUser):
            self.user(external_id, locked=True).delete()
        return Response(status=status.HTTP_204_NO_CONTENT)


class EndUserCredentialView(EndUserRoute):
    @extend_schema(**schema.PUT_CREDENTIAL)
    @sensitive_variables("values")
    def put(self, request: Request, external_id: str) -> Response:
        values = self.read(NewCredentialSerializer(data=request.data))
        with changing(Credential):
            user = self.user(external_id, locked=True)
            row = Credential.objects.filter(
                end_user=user,
                provider=self._provider(values["provider"], user),
                name=_CREDENTIAL_NAME,
            ).first()
            if row is None:
                row = Credential(
                    provider=self._provider(values["provider"], user),
                    project=user.project,
                    end_user=user,
                    name=_CREDENTIAL_NAME,
                )
            row.base_url = values["base_url"]
            row.deployments = values["deployments"]
            row.active, row.quarantined_at = True, None
            # What is not valid is refused before anything is sealed.
            row.full_clean(exclude=["sealed"])
            row.put(values["value"])
            row.save()
        return Response(CredentialSerializer(row).data)

    @extend_schema(**schema.DELETE_CREDENTIAL)
    def delete(self, request: Request, external_id: str) -> Response:
        rows = Credential.objects.filter(end_user=self.user(external_id))
        if (slug := request.query_params.get("provider")) is not None:
            rows = rows.filter(provider__slug=slug)
        rows.delete()
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _provider(self, slug: str, user: EndUser) -> Provider:
        """Return a provider that the project may use, by its slug."""
        found: Provider | None = Provider.objects.filter(slug=slug, active=True).first()
        if found is None or found.project_id not in {None, user.project_id}:
            msg = "There is no such provider; GET /api/ai/providers lists them."
            raise ValidationError({"provider": [msg]})
        return found


class RowsView(EndUserRoute):
    """The whole list of an end user's rows of one kind, read and replaced."""

    model: ClassVar[Any]
    serializer_class: ClassVar[type[StrictSerializer]]
    # What names a row among those of one end user.
    key: ClassVar[tuple[str, ...]]

    def get(self, request: Request, external_id: str) -> Response:
        return self._answer(self.user(external_id))

    def put(self, request: Request, external_id: str) -> Response:
        """Keep rows that are named again, so that what was counted stays."""
        wanted = self.read(self.serializer_class(data=request.data))["results"]
        with changing(self.model):
            user = self.user(external_id, locked=True)
            known = {
                tuple(getattr(row, name) for name in self.key): row
                for row in self._rows(user)
            }
            for values in wanted:
                row = self.model(project=user.project, end_user=user, **values)
                named = tuple(getattr(row, name) for name in self.key)
                if (old := known.pop(named, None)) is not None:
                    row.pk, row._state.adding = old.pk, False  # noqa: SLF001
                row.full_clean()
                row.save()
            for row in known.values():
                row.delete()
        return self._answer(user)

    def _rows(self, user: EndUser) -> QuerySet[Any]:
        """Return the rows that are for this user alone, whatever the key."""
        found: QuerySet[Any] = self.model.objects.filter(
            project=user.project_id, end_user=user, api_key=None
        )
        return found.order_by("id")

    def _answer(self, user: EndUser) -> Response:
        return Response(self.serializer_class({"results": self._rows(user)}).data)


class EndUserLimitsView(RowsView):
    model = Limit
    serializer_class = LimitsSerializer
    key = ("metric", "per", "alias")

    @extend_schema(**schema.LIMITS)
    def get(self, request: Request, external_id: str) -> Response:
        return super().get(request, external_id)

    @extend_schema(**schema.PUT_LIMITS)
    def put(self, request: Request, external_id: str) -> Response:
        return super().put(request, external_id)


class EndUserBudgetsView(RowsView):
    model = Budget
    serializer_class = BudgetsSerializer
    key = ("per", "mode", "alias")

    @extend_schema(**schema.BUDGETS)
    def get(self, request: Request, external_id: str) -> Response:
        return super().get(request, external_id)

    @extend_schema(**schema.PUT_BUDGETS)
    def put(self, request: Request, external_id: str) -> Response:
        return super().put(request, external_id)
