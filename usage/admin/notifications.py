"""Whom to tell what, and what was told."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters
from standardwebhooks import Webhook
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.widgets import UnfoldAdminPasswordWidget

from tenants.admin.activation import ActivationAdmin
from tenants.admin.base import ReadOnlyAdmin
from tenants.admin.form_fields import NamesField
from tenants.admin.inlines import ReadOnlyInline
from tenants.admin.unfolded import action, display
from usage.models import Delivery, Notification, NotificationChannel, Topic
from usage.notifications.telling import News, tell_one

_COLOURS = {"pending": "warning", "delivered": "success", "failed": "danger"}


class ChannelForm(forms.ModelForm[NotificationChannel]):
    """A webhook's secret is written and never shown."""

    secret = forms.CharField(
        required=False,
        widget=UnfoldAdminPasswordWidget(),
        help_text=(
            "Signs what is posted, in the form of Standard Webhooks: whsec_ and base64. "
            "Empty: as it is."
        ),
    )

    class Meta:
        model = NotificationChannel
        fields = [
            "organization",
            "project",
            "name",
            "kind",
            "address",
            "topics",
            "active",
        ]

    def clean_secret(self) -> str:
        value = str(self.cleaned_data["secret"])
        if value:
            try:
                Webhook(value)
            except Exception as error:
                msg = "Enter base64, with or without whsec_ before it."
                raise ValidationError(msg) from error
        return value

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        webhook = NotificationChannel.Kind.WEBHOOK
        # Of another kind what is sealed is something else.
        was_webhook = self.instance.kind == webhook and self.instance.sealed is not None
        has_secret = bool(self.cleaned_data.get("secret")) or was_webhook
        if self.cleaned_data.get("kind") == webhook and not has_secret:
            msg = "A webhook without a secret could be forged by anybody: enter one."
            raise ValidationError({"secret": msg})
        return cleaned


@admin.register(NotificationChannel)
@method_decorator(sensitive_post_parameters("secret"), name="changeform_view")
class NotificationChannelAdmin(ActivationAdmin):
    form = ChannelForm
    list_display = ["name", "kind", "organization", "project", "address", "active"]
    list_filter = ["kind", ("organization", AutocompleteSelectFilter), "active"]
    list_select_related = ["organization", "project"]
    search_fields = ["name", "organization__slug", "project__slug"]
    autocomplete_fields = ["organization", "project"]
    actions = [*ActivationAdmin.actions, "send_test"]
    fields = [
        "organization",
        "project",
        "name",
        "kind",
        "address",
        "secret",
        "topics",
        "active",
    ]

    def formfield_for_dbfield(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> forms.Field | None:
        if db_field.name == "topics":
            return NamesField(
                choices=Topic.choices, help_text="What to tell; none chosen: all of it."
            )
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def save_model(
        self, request: HttpRequest, obj: NotificationChannel, form: Any, change: Any
    ) -> None:
        if value := form.cleaned_data.get("secret"):
            obj.put_secret(value)
        super().save_model(request, obj, form, change)

    @action(description="Send a test to selected", permissions=["change"])
    def send_test(
        self, request: HttpRequest, queryset: QuerySet[NotificationChannel]
    ) -> None:
        now = timezone.now()
        for channel in queryset:
            news = News(
                topic="report",
                once=f"test:{channel.pk}:{now.timestamp()}",
                title="Signalbox: a test of this channel",
                text=f"Sent by {request.user} at {now:%Y-%m-%d %H:%M} UTC.",
            )
            tell_one(news, channel)
        self.message_user(request, "On their way; see Notifications.", messages.SUCCESS)


class DeliveryInline(ReadOnlyInline):
    model = Delivery
    readonly_fields = ["channel", "shown_state", "attempts", "delivered_at", "error"]
    fields = [*readonly_fields]
    show_change_link = False

    @display(description="state", label=_COLOURS)
    def shown_state(self, delivery: Delivery) -> str:
        return delivery.state


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "topic", "title", "organization", "project"]
    list_display_links = ["created_at", "title"]
    list_filter = ["topic", ("organization", AutocompleteSelectFilter)]
    list_select_related = ["organization", "project"]
    search_fields = ["title"]
    sortable_by = ()
    inlines = [DeliveryInline]
    readonly_fields = [
        "created_at",
        "topic",
        "title",
        "text",
        "link",
        "organization",
        "project",
        "facts",
    ]
    fields = [*readonly_fields]
