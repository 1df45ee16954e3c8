from django.contrib import admin

from tenants.admin.activation import ActivationAdmin
from tenants.admin.inlines import OperatorInline
from tenants.models import Budget


class BudgetInline(OperatorInline):
    model = Budget
    hide_title = True
    fields = ["amount_usd", "per", "mode", "api_key", "active"]
    autocomplete_fields = ["api_key"]
    verbose_name_plural = "budgets"


@admin.register(Budget)
class BudgetAdmin(ActivationAdmin):
    list_display = ["project", "api_key", "amount_usd", "per", "mode", "active"]
    list_display_links = ["project", "amount_usd"]
    list_filter = ["per", "mode", "active"]
    list_select_related = ["project", "api_key"]
    search_fields = ["project__slug"]
    autocomplete_fields = ["project", "api_key"]
    sortable_by = ("amount_usd",)
    ordering = ["-id"]
