"""Reports as they were drawn up, and what became of each."""

from django.http import Http404, HttpResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request

from gateway.control.filters import Filters, NamesFilter, check_parameters, since, until
from gateway.control.permissions import access_of, roles_for
from gateway.control.references import ReferenceFilter
from gateway.control.schema import answers
from gateway.control.serializers import ReadSerializer
from gateway.control.viewsets import Reading
from tenants.models import Organization, Project
from usage.models import ReportDefinition, ReportRun
from usage.reports.rendering import with_pictures
from usage.reports.sending import file_name

_VIEW = access_of(ReportRun).view


class ReportRunFilters(Filters):
    organization = ReferenceFilter(Organization)
    project = ReferenceFilter(Project)
    definition = ReferenceFilter(ReportDefinition)
    state = NamesFilter(lookup_expr="in")
    since = since("ends_at")
    until = until("ends_at")

    class Meta:
        model = ReportRun
        fields = ["organization", "project", "definition", "state", "period"]


class ReportRunRead(ReadSerializer):
    class Meta:
        model = ReportRun
        fields = [
            "id",
            "definition",
            "organization",
            "project",
            "period",
            "begins_at",
            "ends_at",
            "state",
            "attempts",
            "error",
            "created_at",
            "rendered_at",
            "sent_at",
        ]


class ReportRunViewSet(Reading):
    queryset = ReportRun.objects.defer("html", "charts", "csv")
    read_serializer_class = ReportRunRead
    filterset_class = ReportRunFilters
    lookup_value_regex = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    orderings = ("-ends_at", "created_at")
    roles = roles_for(ReportRun, html=_VIEW, csv=_VIEW)
    example_row = {
        "id": "0d4f8a52-0b53-4a3c-9d2c-51f1d3a0a7be",
        "definition": 3,
        "organization": 1,
        "project": 3,
        "period": "2026-W01",
        "begins_at": "2025-12-28T23:00:00Z",
        "ends_at": "2026-01-04T23:00:00Z",
        "state": "sent",
        "attempts": 1,
        "error": "",
        "created_at": "2026-01-05T05:00:12Z",
        "rendered_at": "2026-01-05T05:00:13Z",
        "sent_at": "2026-01-05T05:00:13Z",
    }

    @extend_schema(
        summary="Read a report as a page",
        description=f"Role: `{_VIEW}`. One file, with its pictures in it.",
        request=None,
        responses=answers(
            {(200, "text/html"): OpenApiResponse({"type": "string"}, "The report.")},
            404,
        ),
    )
    @action(detail=True, methods=["get"])
    def html(self, request: Request, pk: str) -> HttpResponse:
        run = self._rendered()
        return _file(with_pictures(run.html, run.charts), run, "html")

    @extend_schema(
        summary="Read the numbers of a report",
        description=f"Role: `{_VIEW}`. Each number is a line of its own.",
        request=None,
        responses=answers(
            {(200, "text/csv"): OpenApiResponse({"type": "string"}, "The numbers.")},
            404,
        ),
    )
    @action(detail=True, methods=["get"])
    def csv(self, request: Request, pk: str) -> HttpResponse:
        run = self._rendered()
        return _file(run.csv, run, "csv")

    def _rendered(self) -> ReportRun:
        """Return the run of the address, for whoever sees it may read it."""
        check_parameters(self.request, set())
        rows = self.get_queryset().select_related("project", "organization")
        run: ReportRun | None = rows.filter(pk=self.kwargs["pk"]).first()
        if run is None or run.rendered_at is None:
            raise Http404
        return run


def _file(text: str, run: ReportRun, kind: str) -> HttpResponse:
    return HttpResponse(
        text,
        content_type=f"text/{kind}; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{file_name(run, kind)}"'
        },
    )
