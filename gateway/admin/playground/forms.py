"""What somebody fills in to try a request."""

from itertools import groupby
from operator import attrgetter
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from gateway.admin.json_bodies import typed_body
from gateway.admin.playground.places import PLACES, Composed, compose
from gateway.types import JSON
from tenants.access import seen_by
from tenants.models import Project, Role
from tenants.roles import Reach

# Who may spend a project's money: whoever may also issue a key for it.
SPENDS = Role.OPERATOR
MAX_BODY = 1_000_000


def projects_to_spend_of(reach: Reach) -> Any:
    """Return the projects in whose name somebody may ask, as a queryset."""
    return Project.objects.filter(
        seen_by(reach, Project, role=SPENDS), active=True, organization__active=True
    )


def _choices() -> list[tuple[str, list[tuple[str, str]]]]:
    return [
        (dialect, [(place.slug, f"{dialect}: {place.name}") for place in places])
        for dialect, places in groupby(PLACES.values(), attrgetter("dialect"))
    ]


class PlaygroundForm(forms.Form):
    project = forms.CharField(
        max_length=100,
        help_text="Who pays: its limits, budgets, aliases and credentials hold.",
        widget=UnfoldAdminTextInputWidget(
            attrs={"list": "playground-projects", "autocomplete": "off"}
        ),
    )
    place = forms.ChoiceField(
        label="Dialect and operation",
        choices=_choices,
        widget=UnfoldAdminSelectWidget(),
    )
    model = forms.CharField(
        label="Alias or model",
        max_length=300,
        required=False,
        help_text="Empty: as the body says, else the project's default alias.",
        widget=UnfoldAdminTextInputWidget(
            attrs={"list": "playground-models", "autocomplete": "off"}
        ),
    )
    stream = forms.BooleanField(
        required=False, initial=True, widget=UnfoldBooleanWidget()
    )
    body = forms.CharField(
        max_length=MAX_BODY,
        widget=UnfoldAdminTextareaWidget(
            attrs={"rows": 14, "spellcheck": "false", "autocapitalize": "off"}
        ),
    )
    end_user = forms.CharField(
        max_length=200,
        required=False,
        help_text="Whose limits, budgets and preferences hold besides.",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )
    approval = forms.CharField(
        label="Approval id",
        max_length=64,
        required=False,
        help_text="Of a request that had to be approved, and was.",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, reach: Reach, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reach = reach

    def clean_project(self) -> Project:
        slug = self.cleaned_data["project"]
        project: Project | None = (
            projects_to_spend_of(self.reach).filter(slug=slug).first()
        )
        if project is None:
            msg = "There is no active project of this slug that you may spend for."
            raise forms.ValidationError(msg)
        return project

    def clean_body(self) -> JSON:
        return typed_body(self.cleaned_data["body"])

    def clean_end_user(self) -> str:
        return self._header("end_user")

    def clean_approval(self) -> str:
        return self._header("approval")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        place = PLACES.get(cleaned.get("place", ""))
        project = cleaned.get("project")
        if place is None or project is None or "model" not in cleaned:
            return cleaned
        if place.names_model:
            cleaned["model"] = cleaned["model"] or project.default_alias
            if not cleaned["model"]:
                msg = "This dialect names the model in the path: give one."
                self.add_error("model", msg)
        return cleaned

    def composed(self) -> Composed:
        """Return the request; for a form that is valid."""
        cleaned = self.cleaned_data
        return compose(
            PLACES[cleaned["place"]],
            cleaned["model"],
            cleaned["body"],
            stream=cleaned["stream"],
        )

    def headers(self) -> dict[str, str]:
        """Return the headers that the request has besides its body."""
        cleaned = self.cleaned_data
        found = {
            "x-signalbox-user": cleaned["end_user"],
            "x-signalbox-approval": cleaned["approval"],
        }
        return {name: value for name, value in found.items() if value}

    def _header(self, name: str) -> str:
        value = str(self.cleaned_data[name])
        if not value.isascii() or not value.isprintable():
            raise forms.ValidationError("Use printable ASCII characters alone.")
        return value
