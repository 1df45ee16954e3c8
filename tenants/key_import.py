"""Keys that another system issued, taken over by the SHA-256 of their texts."""

import re
from typing import NamedTuple

from django.db import transaction

from tenants.models import ApiKey, Project

_LINE = re.compile(r"([0-9A-Fa-f]{64})(?:[\s,;]+(.*))?")
_MAX_SHOWN = 20
_NAME_LENGTH = 200


class ImportRefused(Exception):
    """Nothing was imported; `mistakes` say why."""

    def __init__(self, mistakes: list[str]) -> None:
        more = len(mistakes) - _MAX_SHOWN
        self.mistakes = mistakes[:_MAX_SHOWN]
        if more > 0:
            self.mistakes.append(f"and {more} more.")
        super().__init__("\n".join(self.mistakes))


class Imported(NamedTuple):
    imported: int
    known: int


def import_digests(project: Project, text: str) -> Imported:
    """Make a key of each line, a digest and perhaps a name; all of them or none.

    What the project has already is left as it is. Raises `ImportRefused`.
    """
    keys = _keys_in(project, text)
    with transaction.atomic():
        known = {
            key.key_id: key for key in ApiKey.objects.filter(key_id__in=list(keys))
        }
        foreign = [
            f"{key.prefix} is a key of another project already."
            for key in known.values()
            if key.project_id != project.pk
        ]
        if foreign:
            raise ImportRefused(foreign)
        new = [key for key_id, key in keys.items() if key_id not in known]
        ApiKey.objects.bulk_create(new, batch_size=1_000)
    return Imported(len(new), len(known))


def _keys_in(project: Project, text: str) -> dict[str, ApiKey]:
    keys: dict[str, ApiKey] = {}
    mistakes: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip().lstrip("\ufeff")
        if not stripped or stripped.startswith("#"):
            continue
        match = _LINE.fullmatch(stripped)
        if match is None:
            # What stands there may be a key itself, so it is not repeated.
            mistakes.append(
                f"Line {number} is no SHA-256 in hexadecimal, 64 digits, with a name "
                "after it or without."
            )
            continue
        name = (match[2] or "imported").strip()[:_NAME_LENGTH]
        key = ApiKey.known_by_digest(project, name, bytes.fromhex(match[1]))
        keys.setdefault(key.key_id, key)
    if mistakes:
        raise ImportRefused(mistakes)
    if not keys:
        raise ImportRefused(["There is no digest in it."])
    return keys
