"""POST /v1/feedback: a score, and a comment, for the answer to a request."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from gateway.control.parsing import AlwaysJSON, StrictJSONParser
from gateway.control.serializers import StrictSerializer
from gateway.end_users.errors import render_refusal
from gateway.key_authentication import KeyAuthentication, project_of
from gateway.openapi.headers import PROJECT
from gateway.openapi.refusals import refusals
from gateway.private_answers import PrivateAnswers
from gateway.refusals import InvalidRequest, PermissionRefused, Refusal
from tenants.models import ApiKey
from tenants.scopes import Scope
from usage.feedback import (
    MAX_COMMENT,
    MAX_END_USERS,
    RequestUnknown,
    TooMany,
    note_feedback,
)

PATH = "/v1/feedback"

_USER = "x-signalbox-user"


class MayAskModels(BasePermission):
    """A key of a project; one with scopes needs one that is good for asking models."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        key = request.auth
        if not isinstance(key, ApiKey):
            return False
        if key.scopes and set(key.scopes) <= set(Scope.values):
            msg = "This key may not be used for feedback: it may not ask models."
            raise PermissionRefused(msg)
        return True


class FeedbackSerializer(StrictSerializer):
    request_id = serializers.UUIDField(
        help_text="`x-request-id` of the answer; the control `requestId` holds it too."
    )
    score = serializers.FloatField(
        min_value=0, max_value=1, help_text="From 0, of no use, to 1, as hoped."
    )
    comment = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=MAX_COMMENT,
        help_text="Kept, sealed, where the project captures texts; else let go.",
    )
    end_user = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=200,
        help_text=f"Whose opinion it is; by default what `{_USER}` says.",
    )


class KeptFeedbackSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    request_id = serializers.UUIDField()
    score = serializers.FloatField()
    end_user = serializers.CharField()
    comment_kept = serializers.BooleanField()
    updated_at = serializers.DateTimeField()


class FeedbackView(PrivateAnswers, APIView):
    """Asks the database, and so is served beside inference and not by the edge."""

    authentication_classes = [KeyAuthentication]
    permission_classes = [MayAskModels]
    parser_classes = [StrictJSONParser]
    content_negotiation_class = AlwaysJSON
    metadata_class = None

    def get_exception_handler(self) -> Any:
        return render_refusal

    @extend_schema(
        operation_id="send_feedback",
        summary="Say what an answer was worth",
        description=(
            "Kept once for each request and end user; a later word takes the place of "
            "the one before. A request of another project is not found."
        ),
        tags=["Signalbox"],
        parameters=[
            PROJECT,
            OpenApiParameter(
                _USER,
                str,
                OpenApiParameter.HEADER,
                description="Whose opinion it is, where the body does not say.",
            ),
        ],
        request=FeedbackSerializer,
        responses={200: KeptFeedbackSerializer, **refusals(400, 401, 403, 404, 500)},
        examples=[
            OpenApiExample(
                "Thumbs up",
                {
                    "request_id": "0199a3b1-6da7-7047-98b8-e6f5ff4c9914",
                    "score": 1,
                    "comment": "Just what I was looking for.",
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        body = FeedbackSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        sent = body.validated_data
        comment = sent.get("comment", "")
        end_user = sent.get("end_user")
        if end_user is None:
            end_user = request.headers.get(_USER, "")[:200]
        try:
            row = note_feedback(
                project_of(request),
                sent["request_id"],
                end_user,
                sent["score"],
                comment,
            )
        except RequestUnknown as error:
            raise _not_found(error) from error
        except TooMany as error:
            msg = f"{MAX_END_USERS} end users have said what they think of it already."
            raise InvalidRequest(msg, param="end_user") from error
        kept = KeptFeedbackSerializer(
            {
                "id": row.pk,
                "request_id": row.request_id,
                "score": row.score,
                "end_user": row.end_user,
                "comment_kept": row.sealed is not None,
                "updated_at": row.updated_at,
            }
        )
        return Response(kept.data)


def _not_found(error: RequestUnknown) -> Refusal:
    msg = "No request of this project has that id."
    headers = {}
    if error.may_come:
        msg += " What was answered just now takes a moment to be recorded; try again."
        headers = {"retry-after": "1"}
    return Refusal(
        msg, status=404, code="not_found", param="request_id", headers=headers
    )
