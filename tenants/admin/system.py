"""Users and schedules: other applications' models in the admin's own style.

Both belong to the installation. Who may do what is a matter of memberships; Django's
groups and permissions of models are not used, and have no pages.
"""

from typing import TYPE_CHECKING, Any

from allauth.mfa.models import Authenticator
from django.apps import apps
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django_celery_beat.admin import CrontabScheduleAdmin as BeatCrontabAdmin
from django_celery_beat.admin import PeriodicTaskAdmin as BeatTaskAdmin
from django_celery_beat.admin import PeriodicTaskForm as BeatTaskForm
from django_celery_beat.admin import TaskSelectWidget as BeatTaskSelect
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from tenants.admin.memberships import MembershipInline
from tenants.admin.permissions import ScopedPage
from tenants.admin.unfolded import ModelAdmin, action, display

if TYPE_CHECKING:
    _UserAdmin = DjangoUserAdmin[User]
    _User = ModelAdmin[User]
    _Any = ModelAdmin[Any]
else:
    _UserAdmin = DjangoUserAdmin
    _User = _Any = ModelAdmin

_ALLAUTH = ("account", "mfa", "socialaccount")

for _app in _ALLAUTH:
    for model in apps.get_app_config(_app).get_models():
        if admin.site.is_registered(model):
            admin.site.unregister(model)
for model in (
    User,
    Group,
    PeriodicTask,
    CrontabSchedule,
    IntervalSchedule,
    SolarSchedule,
    ClockedSchedule,
):
    admin.site.unregister(model)


@admin.register(User)
class UserAdmin(ScopedPage, _UserAdmin, _User):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = [
        "username",
        "email",
        "is_superuser",
        "is_active",
        "shown_two_factor",
        "last_login",
    ]
    list_filter = ["is_superuser", "is_active"]
    filter_horizontal = ()
    actions = ["remove_second_factor"]
    inlines = [MembershipInline]
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        ("Person", {"fields": [("first_name", "last_name"), "email"]}),
        ("Access", {"fields": ["is_active", "is_superuser"]}),
        ("Dates", {"fields": [("last_login", "date_joined")]}),
    ]
    add_fieldsets = [
        (
            None,
            {
                "fields": [
                    "username",
                    "email",
                    "usable_password",
                    "password1",
                    "password2",
                ]
            },
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        enrolled = Authenticator.objects.filter(
            user=OuterRef("pk"), type=Authenticator.Type.TOTP
        )
        rows: QuerySet[User] = super().get_queryset(request)
        return rows.annotate(enrolled=Exists(enrolled))

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return self.inlines if obj is not None else []

    @display(description="two-factor", boolean=True)
    def shown_two_factor(self, user: Any) -> bool:
        return bool(user.enrolled)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Only a superuser makes superusers, and nobody shuts themselves out."""
        fields = [*super().get_readonly_fields(request, obj), "last_login"]
        fields.append("date_joined")
        if not request.user.is_superuser or obj == request.user:
            fields.append("is_superuser")
        if obj == request.user:
            fields.append("is_active")
        return fields

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may = super().has_change_permission(request, obj)
        return may and (request.user.is_superuser or not _is_superuser(obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may = super().has_delete_permission(request, obj)
        may = may and (request.user.is_superuser or not _is_superuser(obj))
        return may and obj != request.user

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        # A selection may hold superusers, who are protected one by one.
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        if not request.user.is_superuser:
            actions.pop("remove_second_factor", None)
        return actions

    @action(description="Remove second factor of selected", permissions=["change"])
    def remove_second_factor(
        self, request: HttpRequest, queryset: QuerySet[User]
    ) -> None:
        """For whoever has lost their device and their recovery codes."""
        rows = Authenticator.objects.filter(user__in=queryset.values("pk"))
        count = rows.values("user").distinct().count()
        for user in queryset:
            self.log_change(request, user, "Second factor removed.")
        rows.delete()
        self.message_user(request, f"{count} users have none now.", messages.SUCCESS)


def _is_superuser(user: Any) -> bool:
    return isinstance(user, User) and user.is_superuser


class TaskSelect(UnfoldAdminSelectWidget, BeatTaskSelect):  # type: ignore[misc]
    pass


class TaskForm(BeatTaskForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "task" in self.fields:
            self.fields["task"].widget = UnfoldAdminTextInputWidget()
            self.fields["regtask"].widget = TaskSelect()


@admin.register(PeriodicTask)
class TaskAdmin(ScopedPage, BeatTaskAdmin, _Any):  # type: ignore[misc]
    form = TaskForm
    change_form_template = None
    date_hierarchy = None
    list_display = ["name", "task", "enabled", "interval", "crontab", "last_run_at"]
    list_filter = ["enabled", "one_off"]
    actions = ["enable_tasks", "disable_tasks", "run_tasks"]
    fieldsets = [
        (None, {"fields": ["name", "regtask", "task", "enabled", "description"]}),
        (
            "Schedule",
            {
                "fields": [
                    "interval",
                    "crontab",
                    "start_time",
                    "last_run_at",
                    "one_off",
                ]
            },
        ),
        ("Arguments", {"fields": ["args", "kwargs"], "classes": ["collapse"]}),
        (
            "Execution",
            {
                "fields": ["expires", "expire_seconds", "queue", "priority"],
                "classes": ["collapse"],
            },
        ),
    ]
    readonly_fields = ["last_run_at"]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        return actions if self.has_change_permission(request) else {}


@admin.register(CrontabSchedule)
class CrontabAdmin(ScopedPage, BeatCrontabAdmin, _Any):  # type: ignore[misc]
    inlines = []


@admin.register(IntervalSchedule)
class IntervalAdmin(ScopedPage, _Any):
    list_display = ["__str__", "every", "period"]
