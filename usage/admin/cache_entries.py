"""Kept answers: what there is, how often it was of use, and how to be rid of it."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from catalog.admin.aimodels import AIModelAdmin
from catalog.admin.aliases import AliasAdmin
from catalog.admin.tenants import CatalogProjectAdmin
from catalog.models import AIModel, Alias
from tenants.admin.base import ReadOnlyAdmin
from tenants.admin.unfolded import action, display
from tenants.models import Project
from usage.admin.filters import AliasFilter, ModelFilter, ProviderFilter
from usage.cache_entries import purge
from usage.models import CacheEntry


@admin.register(CacheEntry)
class CacheEntryAdmin(ReadOnlyAdmin):
    list_display = [
        "created_at",
        "project",
        "alias",
        "shown_model",
        "operation",
        "hit_count",
        "saved",
        "size",
        "expires_at",
    ]
    list_display_links = ["created_at"]
    list_filter = [
        ("project", AutocompleteSelectFilter),
        ProviderFilter,
        ModelFilter,
        AliasFilter,
    ]
    list_select_related = ["project"]
    search_fields = ()
    sortable_by = ()
    ordering = ["-created_at", "-id"]
    actions: list[str] = []
    exclude = ["sealed"]

    @display(description="model")
    def shown_model(self, entry: CacheEntry) -> str:
        return f"{entry.provider}/{entry.model}"

    @display(description="saved")
    def saved(self, entry: CacheEntry) -> str:
        if entry.saved_usd is None:
            return ""
        return f"${entry.saved_usd * entry.hit_count:,.6f}"


@action(description="Purge kept answers", permissions=["change"])
def purge_projects(
    page: Any, request: HttpRequest, queryset: QuerySet[Project]
) -> None:
    _tell(page, request, (purge(project) for project in queryset))


@action(description="Purge kept answers", permissions=["change"])
def purge_aliases(page: Any, request: HttpRequest, queryset: QuerySet[Alias]) -> None:
    """Purge what an alias of one project answered, or what one for all did."""
    aliases = queryset.select_related("project")
    _tell(page, request, (purge(alias.project, alias=alias.name) for alias in aliases))


@action(description="Purge kept answers", permissions=["change"])
def purge_models(page: Any, request: HttpRequest, queryset: QuerySet[AIModel]) -> None:
    models = queryset.select_related("provider")
    _tell(
        page,
        request,
        (purge(model=f"{model.provider.slug}/{model.model_id}") for model in models),
    )


def _tell(page: Any, request: HttpRequest, counts: Iterable[int]) -> None:
    page.message_user(request, f"{sum(counts)} answers purged.", messages.SUCCESS)


for _page, _purge in (
    (CatalogProjectAdmin, purge_projects),
    (AliasAdmin, purge_aliases),
    (AIModelAdmin, purge_models),
):
    _page.actions = [*(_page.actions or ()), _purge]
