"""Users, groups and schedules: other applications' models in the admin's own style."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
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

from tenants.admin.unfolded import ModelAdmin

if TYPE_CHECKING:
    _UserAdmin = DjangoUserAdmin[User]
    _User = ModelAdmin[User]
    _Group = ModelAdmin[Group]
    _Any = ModelAdmin[Any]
else:
    _UserAdmin = DjangoUserAdmin
    _User = _Group = _Any = ModelAdmin

_RIGHTS = ["is_staff", "is_superuser", "groups", "user_permissions"]

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
class UserAdmin(_UserAdmin, _User):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = [
        "username",
        "email",
        "is_staff",
        "is_superuser",
        "is_active",
        "last_login",
    ]
    list_filter = ["is_staff", "is_superuser", "is_active"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Only a superuser may give rights; whoever else edits users may not."""
        fields = list(super().get_readonly_fields(request, obj))
        return fields if request.user.is_superuser else [*fields, *_RIGHTS]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may = super().has_change_permission(request, obj)
        return may and (request.user.is_superuser or not _is_superuser(obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may = super().has_delete_permission(request, obj)
        return may and (request.user.is_superuser or not _is_superuser(obj))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        # A selection may hold superusers, who are protected one by one.
        actions = super().get_actions(request)
        if not request.user.is_superuser:
            actions.pop("delete_selected", None)
        return actions


def _is_superuser(user: User | None) -> bool:
    return user is not None and user.is_superuser


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, _Group):
    pass


class TaskSelect(UnfoldAdminSelectWidget, BeatTaskSelect):  # type: ignore[misc]
    pass


class TaskForm(BeatTaskForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = TaskSelect()


@admin.register(PeriodicTask)
class TaskAdmin(BeatTaskAdmin, _Any):  # type: ignore[misc]
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


@admin.register(CrontabSchedule)
class CrontabAdmin(BeatCrontabAdmin, _Any):  # type: ignore[misc]
    inlines = []


@admin.register(IntervalSchedule)
class IntervalAdmin(_Any):
    list_display = ["__str__", "every", "period"]
