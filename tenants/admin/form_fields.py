"""Form fields for JSON columns: check boxes for names, and JSON that can be read."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminTextareaWidget,
)


class NamesField(forms.MultipleChoiceField):
    """A JSON list of names out of a fixed vocabulary, as check boxes."""

    def __init__(self, *, choices: Iterable[Any], **kwargs: Any) -> None:
        kwargs.setdefault("required", False)
        kwargs.setdefault("widget", UnfoldAdminCheckboxSelectMultipleWidget())
        super().__init__(choices=choices, **kwargs)


class LinesField(forms.CharField):
    """A JSON list of names, each on a line of its own."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 3, "spellcheck": "false"})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        names = [line.strip() for line in super().clean(value).splitlines()]
        return list(dict.fromkeys(filter(None, names)))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.clean(data) != (initial or []))


class ReadableJSONField(forms.JSONField):
    """JSON over several lines; left empty, it is the column's default."""

    make_empty: Callable[[], Any] = dict
    widget = UnfoldAdminTextareaWidget(attrs={"rows": 4, "spellcheck": "false"})

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, str):
            # What the user typed, shown again next to an error.
            return value
        return json.dumps(value, indent=2, ensure_ascii=False)

    def clean(self, value: Any) -> Any:
        cleaned = super().clean(value)
        return self.make_empty() if cleaned is None else cleaned
