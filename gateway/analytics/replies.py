"""A question about usage from a request, and its answer as JSON or CSV."""

from collections.abc import Mapping, Sequence

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from usage.analytics.answers import answer, rows
from usage.analytics.questions import QuestionRefused, read_question
from usage.analytics.tables import as_csv

# Where CSV is asked for without saying of what.
_CSV_GRANULARITY = "day"


def reply_to(
    request: Request,
    within: Mapping[str, Sequence[str | int]],
    dimensions: Mapping[str, str],
    zone: str,
) -> HttpResponse:
    """Answer what is asked of `within` alone. Raises `QuestionRefused`."""
    sent = _parameters(request)
    as_table = _wants_csv(request, sent.get("format", ""))
    if as_table and not sent.get("groupBy"):
        sent.setdefault("granularity", _CSV_GRANULARITY)
    question = read_question(sent, within, dimensions, zone, timezone.now())
    if not as_table:
        return Response(answer(question))
    leading = [name for name, _ in question.group_by]
    if question.granularity:
        leading.insert(0, "start")
    return HttpResponse(
        as_csv(rows(question), leading),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="analytics.csv"'},
    )


def _parameters(request: Request) -> dict[str, str]:
    sent = {}
    for name, values in request.query_params.lists():
        if len(values) > 1:
            raise QuestionRefused(name, "This parameter stands there twice.")
        # A client may present its key there.
        if name != "key":
            sent[name] = values[0]
    return sent


def _wants_csv(request: Request, wanted: str) -> bool:
    if wanted not in {"", "json", "csv"}:
        raise QuestionRefused("format", "'format' must be json or csv.")
    if wanted:
        return wanted == "csv"
    return request.headers.get("accept", "").strip().startswith("text/csv")
