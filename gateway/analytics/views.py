"""GET /api/ai/analytics: what the calling project used, from the sums of its events."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from gateway.analytics.replies import reply_to
from gateway.analytics.schema import ANSWER, EXAMPLE, parameters
from gateway.control.parsing import AlwaysJSON
from gateway.end_users.errors import render_refusal
from gateway.key_authentication import HasKeyScope, KeyAuthentication, project_of
from gateway.openapi.headers import PROJECT
from gateway.openapi.refusals import refusals
from gateway.private_answers import PrivateAnswers
from gateway.refusals import InvalidRequest
from tenants.scopes import Scope
from usage.analytics.dimensions import COLUMNS
from usage.analytics.questions import QuestionRefused

PATH = "/api/ai/analytics"


class AnalyticsView(PrivateAnswers, APIView):
    """Asks the database, and so is served beside inference and not by the edge."""

    authentication_classes = [KeyAuthentication]
    permission_classes = [HasKeyScope]
    content_negotiation_class = AlwaysJSON
    metadata_class = None
    scope = Scope.ANALYTICS.value

    def get_exception_handler(self) -> Any:
        return render_refusal

    @extend_schema(
        operation_id="show_analytics",
        summary="Sum up what the project used",
        description=(
            "Of the calling project alone, at most a minute old, by local time of the "
            "organization's time zone. Moments are widened to whole hours."
        ),
        tags=["Signalbox"],
        parameters=[PROJECT, *parameters(COLUMNS)],
        request=None,
        responses={
            (200, "application/json"): OpenApiResponse(ANSWER, "The figures."),
            (200, "text/csv"): OpenApiResponse({"type": "string"}, "The rows alone."),
            **refusals(400, 401, 403, 500, 503),
        },
        examples=[EXAMPLE],
    )
    def get(self, request: Request) -> HttpResponse:
        project = project_of(request)
        within = {"project_id": [project.pk]}
        try:
            return reply_to(request, within, COLUMNS, project.organization.time_zone)
        except QuestionRefused as error:
            raise InvalidRequest(str(error), param=error.parameter) from error
