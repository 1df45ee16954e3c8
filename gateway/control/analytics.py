"""Usage figures of organizations and projects within reach."""

from collections.abc import Mapping, Sequence

from django.db.models import Q
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from gateway.analytics.replies import reply_to
from gateway.analytics.schema import ANSWER, EXAMPLE, parameters
from gateway.control.permissions import access_of
from gateway.control.schema import answers
from gateway.control.viewsets import ControlView
from tenants.models import Organization, Project
from tenants.roles import Reach
from usage.analytics.dimensions import WIDER
from usage.analytics.questions import QuestionRefused
from usage.models import HourlyUsage

_DIGITS = 19
_ROLE = access_of(HourlyUsage).view


class AnalyticsViewSet(ControlView, ViewSet):
    roles = {"sum_up": _ROLE}

    @extend_schema(
        summary="Sum up usage",
        description=(
            f"Role: `{_ROLE}`. At most a minute old. Days are those of the organization's "
            "time zone where one organization or project is asked about, else of UTC."
        ),
        parameters=parameters(WIDER),
        request=None,
        responses={
            **answers(
                {(200, "application/json"): OpenApiResponse(ANSWER, "The figures.")}
            ),
            (200, "text/csv"): OpenApiResponse({"type": "string"}, "The rows alone."),
        },
        examples=[EXAMPLE],
    )
    def sum_up(self, request: Request) -> HttpResponse:
        within = _within(self.reach)
        try:
            return reply_to(request, within, WIDER, _zone(request, within))
        except QuestionRefused as error:
            raise ValidationError({error.parameter: [str(error)]}) from error


def _within(reach: Reach) -> dict[str, Sequence[str | int]]:
    ids = reach.organization_ids(_ROLE)
    return {} if ids is None else {"organization_id": sorted(ids)}


def _zone(request: Request, within: Mapping[str, Sequence[str | int]]) -> str:
    """Return the time zone of the one organization that is asked about, or UTC."""
    organizations = Organization.objects.all()
    if "organization_id" in within:
        organizations = organizations.filter(pk__in=within["organization_id"])
    if project := request.query_params.get("project"):
        projects = Project.objects.filter(_named(project))
        organizations = organizations.filter(pk__in=projects.values("organization"))
    if organization := request.query_params.get("organization"):
        organizations = organizations.filter(_named(organization))
    found = list(organizations.values_list("time_zone", flat=True)[:2])
    return found[0] if len(found) == 1 else "UTC"


def _named(text: str) -> Q:
    is_id = text.isdecimal() and len(text) < _DIGITS
    return Q(pk=int(text)) if is_id else Q(slug=text.replace("\x00", ""))
