"""What is spent, reserved and left of budgets, on their pages and those of projects."""

from decimal import ROUND_CEILING, Decimal
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html

from catalog.admin.tenants import CatalogProjectAdmin
from tenants.admin.base import OperatorList, is_new
from tenants.admin.budgets import BudgetAdmin, BudgetInline
from tenants.admin.inlines import ReadOnlyInline
from tenants.admin.unfolded import display
from tenants.models import Budget
from usage.budget_figures import BudgetFigures, figures_of
from usage.models import BudgetWarning, BudgetWindow
from usage.models.budget_window import usd

_CENT = Decimal("0.01")
_SHOWN = Decimal("0.000001")


class BudgetList(OperatorList):
    """Asks once for the figures of all rows that are shown."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = list(self.result_list)
        figures = figures_of(rows)
        for row in rows:
            row.figures = figures[row.pk]
        self.result_list = rows


class Figures:
    """Columns of a budget's present period."""

    @display(description="spent")
    def spent_bar(self, budget: Budget) -> str:
        found = _of(budget)
        return format_html(
            '<meter min="0" max="100" low="80" high="95" optimum="0" value="{}">'
            "{} %</meter> {} USD ({} %){}",
            min(int(found.share), 100),
            int(found.share),
            money(found.spent),
            int(found.share),
            f", most by {found.subject}" if found.subject else "",
        )

    @display(description="reserved")
    def reserved(self, budget: Budget) -> str:
        return money(_of(budget).reserved)

    @display(description="left")
    def left(self, budget: Budget) -> str:
        return money(_of(budget).left)

    @display(description="forecast")
    def forecast(self, budget: Budget) -> str:
        """Return what it comes to at this pace."""
        found = _of(budget)
        if found.forecast is None:
            return "-"
        over = " (over)" if found.forecast > found.limit else ""
        return f"{money(found.forecast)}{over}"


class BudgetFiguresInline(Figures, BudgetInline):
    readonly_fields = ["spent_bar", "left", "forecast"]
    fields = [
        *BudgetInline.fields[:3],
        *readonly_fields,
        *BudgetInline.fields[3:],
    ]


class WindowInline(ReadOnlyInline):
    model = BudgetWindow
    verbose_name_plural = "periods"
    readonly_fields = [
        "period",
        "subject",
        "spent",
        "unpriced",
        "would_refuse",
        "warned",
    ]
    fields = [*readonly_fields]
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[BudgetWindow]:
        windows = super().get_queryset(request)
        return windows.order_by("-starts_at", "-spent_nano").prefetch_related(
            "warnings"
        )

    @display(description="period")
    def period(self, window: BudgetWindow) -> str:
        if window.ends_at is None:
            return "in total"
        return f"{_day(window.starts_at)} to {_day(window.ends_at)}"

    @display(description="spent")
    def spent(self, window: BudgetWindow) -> str:
        return f"{money(usd(window.spent_nano))} USD"

    @display(description="warned at")
    def warned(self, window: BudgetWindow) -> str:
        warnings: list[BudgetWarning] = list(window.warnings.all())
        return ", ".join(
            f"{each.percent} %" for each in sorted(warnings, key=lambda w: w.percent)
        )


@admin.register(Budget)
class BudgetFiguresAdmin(Figures, BudgetAdmin):
    list_display = [
        "whose",
        "scope",
        "amount_usd",
        "per",
        "mode",
        "spent_bar",
        "reserved",
        "left",
        "forecast",
        "active",
    ]
    readonly_fields = ["spent_bar", "reserved", "left", "forecast", "anew"]
    inlines = [WindowInline]
    fieldsets = [
        *BudgetAdmin.fieldsets,
        ("Present period, in USD", {"fields": [*readonly_fields]}),
    ]

    @display(description="begins anew")
    def anew(self, budget: Budget) -> str:
        ends_at = _of(budget).ends_at
        return "-" if ends_at is None else _day(ends_at)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        return fieldsets if obj is not None else fieldsets[:2]

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return super().get_inlines(request, obj) if obj is not None else []

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BudgetList


CatalogProjectAdmin.inlines = [
    BudgetFiguresInline if each is BudgetInline else each
    for each in CatalogProjectAdmin.inlines
]


def money(amount: Decimal) -> str:
    """Return an amount in whole cents, or more exactly where it is less than one."""
    if not amount or amount >= _CENT:
        return f"{amount.quantize(_CENT):,}"
    return f"{amount.quantize(_SHOWN, ROUND_CEILING).normalize():f}"


def _of(budget: Budget) -> BudgetFigures:
    found: BudgetFigures | None = getattr(budget, "figures", None)
    if is_new(budget):
        nothing = Decimal(0)
        return BudgetFigures(nothing, nothing, nothing, None, None)
    if found is None:
        found = budget.figures = figures_of([budget])[budget.pk]  # type: ignore[attr-defined]
    return found


def _day(moment: Any) -> str:
    return date_format(timezone.localtime(moment), "Y-m-d H:i")
