"""The routes: entries, end users, scopes, and a look at what a model would be told."""

from typing import Any, cast
from uuid import UUID

from django.db import transaction
from django.db.models import Count, QuerySet
from django.views.decorators.debug import sensitive_variables
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.configuration.end_user_loading import read_end_users
from gateway.configuration.records import ProjectRecord
from gateway.configuration.tenant_loading import read_project
from gateway.context.api import schema
from gateway.context.api.parsing import changes_in, entries_in, moment_in
from gateway.context.api.storing import change, contents_of, locked_user, store
from gateway.context.assembling import preview
from gateway.context.embedding_later import embed_later
from gateway.context.wishes import wish_from
from gateway.control.changes import changing
from gateway.control.pages import CursorPages
from gateway.end_users.views import EndUserRoute
from gateway.key_authentication import project_of
from gateway.refusals import Refusal
from tenants.context import erasing
from tenants.context.scopes import READY, ScopeRules, kinds_as_stored
from tenants.encryption import Unsealable
from tenants.models import ApiKey, ContextEntry, ContextView, EndUser, Erasure
from tenants.models.end_user import check_external_id
from tenants.scopes import Scope

_MAX_RECEIPTS = 20


class ContextRoute(EndUserRoute):
    """The base of these routes."""

    scope = Scope.CONTEXT.value

    def named(self, external_id: str) -> EndUser | None:
        found: EndUser | None = self.users().filter(external_id=external_id).first()
        return found

    def entry(self, entry_id: UUID) -> ContextEntry:
        rows = ContextEntry.objects.for_project(project_of(self.request))
        found = rows.select_related("end_user").filter(pk=entry_id).first()
        if found is None:
            raise NotFound("The project has no such entry.")
        row: ContextEntry = found
        return row

    def project_record(self) -> ProjectRecord:
        found = read_project(project_of(self.request).pk)
        if found is None:
            raise Refusal("The project cannot be read at the moment.", status=503)
        return found


class EntriesView(ContextRoute):
    orderings = ("-occurred_at", "created_at")

    @extend_schema(**schema.LIST)
    def get(self, request: Request) -> Response:
        user_id = request.query_params.get("userId", "")
        if not user_id:
            msg = "Name the end user whose entries are wanted."
            raise ValidationError({"userId": [msg]})
        pages = CursorPages()
        page = pages.paginate_queryset(self._rows(request, user_id), request, self)
        return pages.get_paginated_response(_shown(page))

    @extend_schema(**schema.CREATE)
    @sensitive_variables()
    def post(self, request: Request) -> Response:
        entries, is_list = entries_in(_body_of(request))
        with changing(ContextEntry):
            found = store(project_of(request), entries)
        embed_later([row.pk for row, _ in found])
        told = [
            {**_metadata(row), "created": is_new, "content": entry.content}
            for (row, is_new), entry in zip(found, entries, strict=True)
        ]
        if is_list:
            for each in told:
                del each["content"]
            return Response({"success": True, "entries": told})
        is_new = found[0][1]
        return Response(
            told[0], status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        )

    def _rows(self, request: Request, user_id: str) -> QuerySet[ContextEntry]:
        asked = request.query_params
        user = self.named(user_id)
        rows: Any = ContextEntry.objects.filter(end_user=user)
        if user is None:
            rows = rows.none()
        if "kind" in asked:
            rows = rows.filter(kind__in=asked.getlist("kind"))
        if "since" in asked:
            rows = rows.filter(occurred_at__gte=moment_in(asked["since"], "since"))
        if "until" in asked:
            rows = rows.filter(occurred_at__lt=moment_in(asked["until"], "until"))
        found: QuerySet[ContextEntry] = rows.select_related("end_user")
        return found


class EntryView(ContextRoute):
    @extend_schema(**schema.SHOW)
    def get(self, request: Request, entry_id: UUID) -> Response:
        return Response(_shown([self.entry(entry_id)])[0])

    @extend_schema(**schema.CHANGE)
    @sensitive_variables()
    def patch(self, request: Request, entry_id: UUID) -> Response:
        changes = changes_in(_body_of(request))
        with changing(ContextEntry):
            locked_user(self.entry(entry_id).end_user)
            row = self.entry(entry_id)
            change(row, changes)
        embed_later([row.pk])
        return Response(_shown([row])[0])

    @extend_schema(**schema.DELETE)
    def delete(self, request: Request, entry_id: UUID) -> Response:
        self.entry(entry_id).delete()
        return Response(status=status.HTTP_204_NO_CONTENT)


class UserView(ContextRoute):
    """One end user: how much is kept, and its erasure."""

    @extend_schema(**schema.USER)
    def get(self, request: Request, external_id: str) -> Response:
        _check_id(external_id)
        project, user = project_of(request), self.named(external_id)
        rows = ContextEntry.objects.filter(end_user=user) if user else None
        kinds = (
            {}
            if rows is None
            else dict(rows.order_by("kind").values_list("kind").annotate(Count("pk")))
        )
        receipts = Erasure.objects.for_project(project).filter(
            subject=erasing.subject_of(project, external_id)
        )
        return Response(
            {
                "userId": external_id,
                "entries": sum(kinds.values()),
                "kinds": kinds,
                "erasures": [_receipt(row) for row in receipts[:_MAX_RECEIPTS]],
            }
        )

    @extend_schema(**schema.ERASE)
    def delete(self, request: Request, external_id: str) -> Response:
        _check_id(external_id)
        project, user = project_of(request), self.named(external_id)
        via = Erasure.Via.CONTEXT_API
        if user is None:
            receipt = erasing.erase_unknown(project, external_id, via)
        else:
            receipt = erasing.erase(user, via)
        return Response({"success": True, "receipt": _receipt(receipt)})


class ScopesView(ContextRoute):
    @extend_schema(**schema.SCOPES)
    def get(self, request: Request) -> Response:
        own = self.project_record().context_scopes
        return Response(
            {
                "scopes": [
                    _scope(rules, is_ready=name not in own)
                    for name, rules in {**READY, **own}.items()
                ]
            }
        )


class PreviewView(ContextRoute):
    @extend_schema(**schema.PREVIEW)
    @sensitive_variables()
    def post(self, request: Request) -> Response:
        asked = _body_of(request)
        user_id = asked.pop("userId", None)
        if not isinstance(user_id, str) or not user_id:
            raise ValidationError({"userId": ["Name the end user."]})
        record = self.project_record()
        wish = wish_from(asked, record)
        users, _ = read_end_users([(record.id, user_id)])
        user = users.get((record.id, user_id))
        with transaction.atomic():
            ContextView.objects.create(
                api_key=cast("ApiKey", request.auth).prefix,
                project_id=record.id,
                end_user_id=None if user is None else user.pk,
                scope=wish.rules.name,
            )
        try:
            full = preview(wish, record, user)
        except Unsealable as error:
            msg = "An entry of this user does not open with the user's key."
            raise Refusal(msg, status=503, code="unavailable") from error
        return Response(
            {
                "success": True,
                "userId": user_id,
                "scope": wish.rules.name,
                "text": full.text,
                "tokens": full.tokens,
                "tokenBudget": wish.rules.token_budget,
                "entries": full.entries,
            }
        )


def _body_of(request: Request) -> dict[str, Any]:
    """Return the body, which the parser has seen to be an object."""
    return dict(cast("dict[str, Any]", request.data))


def _shown(rows: list[ContextEntry]) -> list[dict[str, Any]]:
    try:
        contents = contents_of(rows)
    except Unsealable as error:
        msg = "An entry of this user does not open with the user's key."
        raise Refusal(msg, status=503, code="unavailable") from error
    return [{**_metadata(row), "content": contents[row.pk]} for row in rows]


def _metadata(row: ContextEntry) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "userId": row.end_user.external_id,
        "kind": row.kind,
        "occurredAt": row.occurred_at,
        "expiresAt": row.expires_at,
        "sourceId": row.source_id,
        "tokens": row.tokens,
        "createdAt": row.created_at,
        "updatedAt": row.updated_at,
    }


def _receipt(row: Erasure) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "subject": row.subject,
        "erasedAt": row.erased_at,
        "via": row.via,
        "counts": row.counts,
        "digest": row.digest,
    }


def _scope(rules: ScopeRules, *, is_ready: bool) -> dict[str, Any]:
    return {
        "name": rules.name,
        "ready": is_ready,
        "kinds": [
            {
                "kind": each["kind"],
                "days": each["days"],
                "maxEntries": each["max_entries"],
            }
            for each in kinds_as_stored(rules)
        ],
        "tokenBudget": rules.token_budget,
        "order": rules.order,
        "selection": rules.selection,
        "template": rules.template,
        "entryTemplate": rules.entry_template,
    }


def _check_id(external_id: str) -> None:
    check_external_id(external_id)
