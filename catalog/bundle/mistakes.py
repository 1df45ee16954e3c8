"""What is wrong with a bundle: every mistake with its place, collected, then raised."""

import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError

_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Mistake:
    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class BundleRefused(Exception):
    """The bundle was not applied, not even in part; `mistakes` says why."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(map(str, self.mistakes)))


@dataclass(slots=True)
class Report:
    """Collects mistakes, which refuse the bundle, and notes, which do not."""

    mistakes: list[Mistake] = field(default_factory=list)
    notes: list[Mistake] = field(default_factory=list)

    def add(self, path: str, message: str) -> None:
        if (mistake := Mistake(path, message)) not in self.mistakes:
            self.mistakes.append(mistake)

    def note(self, path: str, message: str) -> None:
        if (note := Mistake(path, message)) not in self.notes:
            self.notes.append(note)

    def add_invalid(
        self, path: str, error: ValidationError, labels: dict[str, str]
    ) -> None:
        """Add what Django's validation found, under the names that the file uses."""
        if not hasattr(error, "error_dict"):
            for message in error.messages:
                self.add(path, message)
            return
        for name, messages in error.message_dict.items():
            place = path
            if name != NON_FIELD_ERRORS:
                place = f"{path}.{labels.get(name, name)}"
            for message in messages:
                self.add(place, message)

    def check(self) -> None:
        """Raise when there is a mistake."""
        if self.mistakes:
            raise BundleRefused(self.mistakes)


def advice(name: str, known: Collection[str]) -> str:
    """Return `; did you mean …?`, or what there is, or nothing."""
    if near := difflib.get_close_matches(name, known, n=1, cutoff=0.6):
        return f"; did you mean {near[0]}?"
    if 0 < len(known) <= _SHOWN:
        return f"; there is {', '.join(sorted(known))}"
    return ""
