from typing import Any

from allauth.account.adapter import get_adapter
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from unfold.forms import AuthenticationForm
from unfold.widgets import UnfoldAdminTextInputWidget

from tenants.roles import reach_of

_NO_ROLE = "You have no role here yet. Ask an owner of your organization to add {} to its people."


class SignInForm(AuthenticationForm):  # type: ignore[misc]
    """User name and password; wrong ones are counted, per address and per user."""

    def clean(self) -> dict[str, Any]:
        username = self.cleaned_data.get("username")
        password = self.cleaned_data.get("password")
        if username is not None and password:
            self.user_cache = get_adapter().authenticate(
                self.request, username=username, password=password
            )
            if self.user_cache is None:
                raise self.get_invalid_login_error()
            self.confirm_login_allowed(self.user_cache)
        cleaned: dict[str, Any] = self.cleaned_data
        return cleaned

    def confirm_login_allowed(self, user: AbstractBaseUser) -> None:
        if not reach_of(user):
            raise ValidationError(_NO_ROLE.format(user.get_username()), code="no_role")


def plain(form_class: type[Any]) -> type[Any]:
    """Return a form of allauth's with the looks of the admin's fields."""

    class Form(form_class):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            for field in self.fields.values():
                given = field.widget.attrs
                styled = UnfoldAdminTextInputWidget(attrs=dict(given)).attrs
                given.update({"class": styled["class"]})
                given.pop("placeholder", None)

    Form.__name__ = form_class.__name__
    return Form
