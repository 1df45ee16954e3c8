"""The form that a definition is written in: every mistake is told with its place."""

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from gateway.strict_json import InvalidJSON, parse_object
from workflows.definitions.mistakes import Mistake
from workflows.definitions.steps import JSON
from workflows.definitions.validation import mistakes_in
from workflows.limits import MAX_DEFINITION_BYTES
from workflows.models import Workflow, WorkflowVersion
from workflows.saving import save_version

_Status = WorkflowVersion.Status
# Room for indentation and for what is not ASCII.
_MAX_LENGTH = 4 * MAX_DEFINITION_BYTES
_EXAMPLE: JSON = {
    "name": "summarize",
    "steps": [
        {
            "id": "summary",
            "action": "generate",
            "model": "fast",
            "input": {"prompt": "Summarize in three sentences: {{input.text}}"},
        }
    ],
}


class DefinitionForm(forms.ModelForm[Workflow]):
    definition = forms.CharField(
        max_length=_MAX_LENGTH,
        strip=False,
        help_text="JSON. The name is the workflow's; a number of the version is given "
        "when it is saved.",
        widget=UnfoldAdminTextareaWidget(
            attrs={"rows": 26, "spellcheck": "false", "autocomplete": "off"}
        ),
    )
    keep_as = forms.ChoiceField(
        label="Save as",
        choices=[
            (_Status.ACTIVE.value, "Active: new runs take this version"),
            (_Status.DRAFT.value, "Draft: runs take it only when they name it"),
        ],
        widget=UnfoldAdminSelectWidget(),
    )

    class Meta:
        model = Workflow
        fields = ["project"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.said: JSON = {}
        if "definition" not in self.fields:
            # The form of somebody who may look alone.
            return
        shown = _EXAMPLE
        if not self.instance._state.adding:  # noqa: SLF001
            if "project" in self.fields:
                self.fields["project"].disabled = True
            version = shown_version(self.instance)
            shown = {} if version is None else version.said()
        self.initial.setdefault("definition", readable(shown))

    def clean_definition(self) -> str:
        text = str(self.cleaned_data["definition"])
        said, mistakes = read_typed(text)
        if mistakes:
            raise ValidationError([str(mistake) for mistake in mistakes])
        said.pop("version", None)
        self.said = said
        return text

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        project = self.cleaned_data.get("project")
        if not self.said or project is None:
            return cleaned
        name = self.said["name"]
        if self.instance._state.adding:  # noqa: SLF001
            if Workflow.objects.for_project(project).filter(name=name).exists():
                msg = (
                    f"name: The project has a workflow {name!r}; open it to change it."
                )
                self.add_error("definition", msg)
        elif name != self.instance.name:
            msg = (
                f"name: A workflow keeps its name, {self.instance.name!r}; for another "
                "name add another workflow."
            )
            self.add_error("definition", msg)
        return cleaned

    def keep(self) -> WorkflowVersion:
        """Keep what was typed: as a new version, unless it is the newest one's text."""
        project, status = self.cleaned_data["project"], self.cleaned_data["keep_as"]
        newest: WorkflowVersion | None = None
        if not self.instance._state.adding:  # noqa: SLF001
            newest = self.instance.versions.order_by("-number").first()
        if newest is not None:
            known = newest.said()
            if {**known, "version": None} == {**self.said, "version": None}:
                if status == newest.status:
                    return newest
                return save_version(
                    project,
                    known,
                    name=self.instance.name,
                    number=newest.number,
                    status=status,
                )
        return save_version(project, self.said, status=status)


def shown_version(workflow: Workflow) -> WorkflowVersion | None:
    """Return the newest version, which is what an editor goes on with."""
    found: WorkflowVersion | None = workflow.versions.order_by("-number").first()
    return found


def read_typed(text: str) -> tuple[JSON, list[Mistake]]:
    """Return the definition that was typed, and everything that is wrong with it."""
    try:
        said = parse_object(text.encode("utf-8", "surrogatepass"))
    except InvalidJSON as error:
        return {}, [Mistake("", _where(text) or str(error))]
    return said, mistakes_in(said)


def readable(said: JSON) -> str:
    return json.dumps(said, indent=2, ensure_ascii=False)


def _where(text: str) -> str:
    """Say in which line the JSON ends to be JSON; nothing when it is something else."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return f"line {error.lineno}, column {error.colno}: {error.msg}."
    except (ValueError, RecursionError):
        pass
    return ""
