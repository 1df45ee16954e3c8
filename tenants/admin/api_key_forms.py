from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from tenants.models import ApiKey

MAX_GRACE_HOURS = 24 * 90


class ApiKeyForm(forms.ModelForm[ApiKey]):
    def clean_expires_at(self) -> Any:
        moment = self.cleaned_data["expires_at"]
        if (
            moment is not None
            and moment <= timezone.now()
            and "expires_at" in self.changed_data
        ):
            msg = "This moment is past. To stop a key now, revoke it."
            raise ValidationError(msg)
        return moment


class RotateForm(forms.Form):
    grace_hours = forms.IntegerField(
        label="Grace in hours",
        min_value=0,
        max_value=MAX_GRACE_HOURS,
        initial=24,
        help_text="For so long the old key goes on working; 0 stops it now.",
        widget=UnfoldAdminIntegerFieldWidget,
    )

    def grace(self) -> timedelta:
        return timedelta(hours=self.cleaned_data["grace_hours"])
