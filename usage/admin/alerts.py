"""What is looked for, what was found, and what nobody wants to hear of."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from tenants.access import adds
from tenants.admin.activation import ActivationAdmin
from tenants.admin.base import OperatorAdmin, ReadOnlyAdmin
from tenants.admin.unfolded import action, display
from tenants.roles import reach_for
from usage.models import Alert, AlertRule, AlertSilence

# What is offered when something is to be silenced.
_SILENCE = timedelta(days=1)


@admin.register(AlertRule)
class AlertRuleAdmin(ActivationAdmin):
    list_display = [
        "name",
        "shown_kind",
        "organization",
        "project",
        "shown_threshold",
        "window_minutes",
        "channel",
        "active",
    ]
    list_filter = ["kind", ("organization", AutocompleteSelectFilter), "active"]
    list_select_related = ["organization", "project", "channel"]
    search_fields = ["name", "organization__slug", "project__slug"]
    autocomplete_fields = ["organization", "project"]
    fieldsets = [
        (None, {"fields": ["name", "kind", "active"]}),
        ("Where", {"fields": ["organization", "project"]}),
        ("From when on", {"fields": ["threshold", "at_least", "window_minutes"]}),
        ("Whom to tell", {"fields": ["channel"]}),
    ]

    @display(description="looks for")
    def shown_kind(self, rule: AlertRule) -> str:
        return rule.get_kind_display()

    @display(description="threshold")
    def shown_threshold(self, rule: AlertRule) -> str:
        return f"{rule.threshold.normalize():f}" if rule.threshold else ""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Keep what every installation begins with: it would come back; switch it off."""
        if isinstance(obj, AlertRule) and obj.ready:
            return False
        return super().has_delete_permission(request, obj)

    def also_used_by(self, objs: Any) -> list[str]:
        return [
            f"{rule}: it comes with the installation; deactivate it instead"
            for rule in objs
            if rule.ready
        ]


@admin.register(AlertSilence)
class AlertSilenceAdmin(OperatorAdmin):
    list_display = [
        "shown_subject",
        "rule",
        "organization",
        "project",
        "until",
        "shown_state",
        "silenced_by",
        "reason",
    ]
    list_filter = [("organization", AutocompleteSelectFilter)]
    list_select_related = ["rule", "organization", "project", "silenced_by"]
    search_fields = ["subject", "reason"]
    autocomplete_fields = ["organization", "project", "rule"]
    readonly_fields = ["silenced_by", "created_at"]
    actions = ["end_now"]
    fields = [
        "rule",
        "subject",
        "organization",
        "project",
        "until",
        "reason",
        "silenced_by",
        "created_at",
    ]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        until = timezone.localtime(timezone.now() + _SILENCE).replace(microsecond=0)
        return {**super().get_changeform_initial_data(request), "until": until}

    @display(description="subject")
    def shown_subject(self, silence: AlertSilence) -> str:
        return silence.subject or "everything"

    @display(description="state", label={"in force": "warning", "over": ""})
    def shown_state(self, silence: AlertSilence) -> str:
        return "in force" if silence.until > timezone.now() else "over"

    def save_model(
        self, request: HttpRequest, obj: Any, form: Any, change: Any
    ) -> None:
        if obj.silenced_by_id is None:
            obj.silenced_by_id = request.user.pk
        super().save_model(request, obj, form, change)

    @action(description="End selected now", permissions=["change"])
    def end_now(self, request: HttpRequest, queryset: QuerySet[AlertSilence]) -> None:
        now = timezone.now()
        ended = queryset.order_by().filter(until__gt=now).update(until=now)
        self.message_user(request, f"{ended} ended.", messages.SUCCESS)


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    list_display = [
        "created_at",
        "title",
        "kind",
        "organization",
        "project",
        "shown_state",
    ]
    list_display_links = ["created_at", "title"]
    list_filter = [
        "kind",
        ("organization", AutocompleteSelectFilter),
        ("project", AutocompleteSelectFilter),
    ]
    list_select_related = ["organization", "project", "notification", "silence"]
    search_fields = ["title", "subject"]
    sortable_by = ()
    actions_detail = ["silence_subject"]
    readonly_fields = [
        "created_at",
        "title",
        "rule",
        "kind",
        "subject",
        "organization",
        "project",
        "shown_state",
        "told",
        "facts",
    ]
    fields = [*readonly_fields]

    @display(description="state", label={"told": "success", "silenced": "warning"})
    def shown_state(self, alert: Alert) -> str:
        return "silenced" if alert.silence_id else "told"

    @display(description="notification")
    def told(self, alert: Alert) -> str:
        if alert.notification_id is None:
            silence = alert.silence
            return "" if silence is None else f"Silenced: {silence.reason}"
        url = reverse("admin:usage_notification_change", args=[alert.notification_id])
        return format_html('<a class="sb-link" href="{}">To whom it went</a>', url)

    def has_silence_permission(
        self, request: HttpRequest, object_id: str | None = None
    ) -> bool:
        return adds(reach_for(request), AlertSilence)

    @action(
        description="Silence",
        url_path="silence",
        permissions=["silence"],
        icon="notifications_off",
    )
    def silence_subject(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Lead to a silence for this rule and subject, yet to be given a reason."""
        alert = self.get_object(request, object_id)
        if alert is None:
            raise Http404
        asked = {
            "rule": alert.rule_id,
            "subject": alert.subject,
            "organization": alert.organization_id,
            "project": alert.project_id,
        }
        query = urlencode({name: value for name, value in asked.items() if value})
        url = reverse(f"{self.admin_site.name}:usage_alertsilence_add")
        return HttpResponseRedirect(f"{url}?{query}")
