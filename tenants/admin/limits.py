from django.contrib import admin

from tenants.admin.activation import ActivationAdmin
from tenants.admin.inlines import OperatorInline
from tenants.models import Limit


class LimitInline(OperatorInline):
    model = Limit
    hide_title = True
    fields = ["metric", "amount", "per", "api_key", "active"]
    autocomplete_fields = ["api_key"]
    verbose_name_plural = "limits"


@admin.register(Limit)
class LimitAdmin(ActivationAdmin):
    list_display = ["project", "api_key", "metric", "amount", "per", "active"]
    list_display_links = ["project", "metric"]
    list_filter = ["metric", "per", "active"]
    list_select_related = ["project", "api_key"]
    search_fields = ["project__slug"]
    autocomplete_fields = ["project", "api_key"]
    sortable_by = ("amount",)
    ordering = ["-id"]
