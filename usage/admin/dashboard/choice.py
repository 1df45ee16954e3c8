"""What the overview is about: a range of time, an organization, a project."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse

from tenants.access import access_to, seen_by
from tenants.models import Organization, Project
from tenants.roles import Reach
from usage.analytics.reading import Selection
from usage.models import HourlyUsage

RANGES = {"1": "24 hours", "7": "7 days", "30": "30 days", "90": "90 days"}
DEFAULT = "7"
# So many names are offered; others can be typed.
OFFERED = 200

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
Values = Sequence[str | int]


@dataclass(frozen=True, slots=True)
class Choice:
    """`mistakes` say what was asked for and is not there."""

    days: str
    begin: datetime
    end: datetime
    where: dict[str, Values]
    organization: Organization | None = None
    project: Project | None = None
    mistakes: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        return RANGES[self.days]

    @property
    def is_hourly(self) -> bool:
        return self.days == "1"

    @property
    def cuts(self) -> tuple[datetime, ...]:
        """Return when the points of the charts begin."""
        step = _HOUR if self.is_hourly else _DAY
        return tuple(
            self.begin + number * step
            for number in range((self.end - self.begin) // step)
        )

    def selection(self, *columns: str, cuts: bool = False) -> Selection:
        return Selection(
            self.begin, self.end, self.where, columns, self.cuts if cuts else ()
        )

    def usage_url(self, **filters: str | int) -> str:
        """Return the list of the rows that the figures are sums of."""
        name = "hourlyusage" if self.is_hourly else "dailyusage"
        query = {"period": self.days, **self.scope(), **filters}
        return f"{reverse(f'admin:usage_{name}_changelist')}?{urlencode(query)}"

    def scope(
        self, project: str = "project", organization: str = "organization"
    ) -> dict[str, str | int]:
        """Return what narrows a list to the choice, by what its columns are called.

        An `organization` that is reached over another column is left out, as lists
        filter by their own columns alone.
        """
        scope: dict[str, str | int] = {}
        if self.organization is not None and "__" not in organization:
            scope[f"{organization}__id__exact"] = self.organization.pk
        if self.project is not None:
            scope[f"{project}__id__exact"] = self.project.pk
        return scope


def choice_in(
    request: HttpRequest, reach: Reach, now: datetime, project: Project | None = None
) -> Choice:
    """Return what the page is asked about, within reach; the project may be given.

    Days are those of UTC, as in the sums, today's included.
    """
    sent = request.GET.get("days", DEFAULT)
    days = sent if sent in RANGES else DEFAULT
    end, begin = _stretch(now.astimezone(UTC), days)
    mistakes: list[str] = []
    organization: Model | None = None
    if project is None:
        organization = _named(Organization, "organization", request, reach, mistakes)
        found = _named(Project, "project", request, reach, mistakes)
        project = found if isinstance(found, Project) else None
    where: dict[str, Values] = {}
    access = access_to(HourlyUsage)
    assert access is not None  # noqa: S101  # It stands in the table.
    ids = reach.organization_ids(access.view)
    if ids is not None:
        where["organization_id"] = sorted(ids)
    if isinstance(organization, Organization) and (
        ids is None or organization.pk in ids
    ):
        where["organization_id"] = [organization.pk]
    if project is not None:
        where["project_id"] = [project.pk]
    return Choice(
        days,
        begin,
        end,
        where,
        organization if isinstance(organization, Organization) else None,
        project,
        mistakes,
    )


def offered(model: type[Model], reach: Reach) -> list[str]:
    """Return the slugs that the page offers."""
    rows = model._default_manager.filter(seen_by(reach, model)).order_by("slug")
    return list(rows.values_list("slug", flat=True)[:OFFERED])


def _stretch(now: datetime, days: str) -> tuple[datetime, datetime]:
    if days == "1":
        end = now.replace(minute=0, second=0, microsecond=0) + _HOUR
        return end, end - _DAY
    end = now.replace(hour=0, minute=0, second=0, microsecond=0) + _DAY
    return end, end - int(days) * _DAY


def _named(
    model: type[Model],
    name: str,
    request: HttpRequest,
    reach: Reach,
    mistakes: list[str],
) -> Model | None:
    slug = request.GET.get(name, "").strip().replace("\x00", "")
    if not slug:
        return None
    rows = model._default_manager.filter(seen_by(reach, model), slug=slug)
    found: Model | None = rows.first()
    if found is None:
        mistakes.append(f"There is no {name} {slug[:80]} that you may see.")
    return found
