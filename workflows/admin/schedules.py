"""When workflows run by themselves."""

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.widgets import UnfoldAdminTextareaWidget

from gateway.strict_json import InvalidJSON, parse_object
from tenants.admin.activation import ActivationAdmin
from tenants.admin.unfolded import display
from workflows.limits import MAX_INPUT_BYTES
from workflows.models import WorkflowSchedule
from workflows.runs.scheduled import DUE


class ScheduleForm(forms.ModelForm[WorkflowSchedule]):
    input = forms.CharField(
        required=False,
        max_length=MAX_INPUT_BYTES,
        initial="{}",
        help_text="JSON object that each run is given, besides the moment it was due as "
        f"{DUE}. It is sealed, like everything that runs are given.",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 6, "spellcheck": "false"}),
    )

    class Meta:
        model = WorkflowSchedule
        fields = ["project", "workflow", "name", "cron", "active"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "input" in self.fields and self.instance.sealed_input is not None:
            said = self.instance.read_input()
            self.initial["input"] = json.dumps(said, indent=2, ensure_ascii=False)

    def clean_input(self) -> dict[str, Any]:
        text = str(self.cleaned_data["input"]).strip() or "{}"
        try:
            return parse_object(text.encode("utf-8", "surrogatepass"))
        except InvalidJSON as error:
            raise ValidationError(str(error)) from error


@admin.register(WorkflowSchedule)
class WorkflowScheduleAdmin(ActivationAdmin):
    form = ScheduleForm
    list_display = [
        "name",
        "workflow",
        "project",
        "cron",
        "shown_next",
        "shown_last",
        "shown_problem",
        "active",
    ]
    list_filter = [("project", AutocompleteSelectFilter), "active"]
    list_select_related = ["workflow", "project"]
    search_fields = ["name", "workflow__name", "project__slug"]
    autocomplete_fields = ["project", "workflow"]
    readonly_fields = ["shown_next", "shown_last", "shown_problem"]
    fields = [
        "project",
        "workflow",
        "name",
        "cron",
        "input",
        "active",
        "shown_next",
        "shown_last",
        "shown_problem",
    ]

    class Media:
        css = {"all": ["signalbox/workflows.css"]}

    @display(description="due next")
    def shown_next(self, schedule: WorkflowSchedule) -> str:
        if schedule.next_at is None:
            return "-"
        return f"{schedule.next_at:%Y-%m-%d %H:%M} UTC ({schedule.project.time_zone})"

    @display(description="due last")
    def shown_last(self, schedule: WorkflowSchedule) -> str:
        last = schedule.last_at
        return "-" if last is None else f"{last:%Y-%m-%d %H:%M} UTC"

    @display(description="what went wrong")
    def shown_problem(self, schedule: WorkflowSchedule) -> str:
        return schedule.problem or "-"

    @display(description="input")
    def input(self, schedule: WorkflowSchedule) -> str:
        """Say nothing of it to those who may not change it."""
        return format_html('<span class="sb-muted">{}</span>', "sealed")

    def save_model(
        self, request: HttpRequest, obj: WorkflowSchedule, form: Any, change: Any
    ) -> None:
        obj.put_input(form.cleaned_data["input"])
        super().save_model(request, obj, form, change)

    def _switch(
        self, request: HttpRequest, queryset: QuerySet[Any], *, on: bool
    ) -> None:
        """Work out anew when each is due: what was missed is not made up for."""
        changed = 0
        for schedule in queryset.filter(active=not on).select_related("project"):
            schedule.active = on
            schedule.save()
            changed += 1
        what = "activated" if on else "deactivated"
        self.message_user(request, f"{changed} {what}.", messages.SUCCESS)
