"""How much of an end user's context a request is given: the rules of a scope.

Three scopes come ready for every project; a row of the project's own with the same name
stands in place of one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tenants.context.templates import unknown_in

# Stands for all kinds that a scope does not name.
EVERY_OTHER = "*"
KIND = re.compile(r"[-a-zA-Z0-9_]{1,63}")

NEWEST_FIRST = "newest_first"
OLDEST_FIRST = "oldest_first"
BY_KIND = "by_kind"
BY_TIME = "newest"
BY_SIMILARITY = "similar"

MAX_KINDS = 50
MAX_ENTRIES = 1_000
MAX_DAYS = 36_500
MAX_BUDGET = 200_000
MAX_TEMPLATE = 10_000
MAX_ENTRY_TEMPLATE = 500

# What a template may name; `entries.` with a kind after it.
PLACES = ("name", "date", "weekday", "entries", "entries.")
ENTRY_PLACES = ("kind", "date", "time", "content")

DEFAULT_TEMPLATE = """\
What is known of the user, for you to take into account and not to recite:
Name: {{name}}
Today: {{weekday}}, {{date}}
{{entries}}"""
DEFAULT_ENTRY_TEMPLATE = "- {{date}} {{kind}}: {{content}}"


@dataclass(frozen=True, slots=True)
class KindRule:
    """Entries of one kind: of the last `days` (None: of all time), so many at most."""

    kind: str
    days: int | None
    max_entries: int


@dataclass(frozen=True, slots=True)
class ScopeRules:
    """A scope as it is applied. `kinds` are in the order of presentation."""

    name: str
    kinds: tuple[KindRule, ...] = ()
    token_budget: int = 2_000
    order: str = NEWEST_FIRST
    selection: str = BY_TIME
    template: str = DEFAULT_TEMPLATE
    entry_template: str = DEFAULT_ENTRY_TEMPLATE


READY: Mapping[str, ScopeRules] = {
    rules.name: rules
    for rules in (
        ScopeRules(
            "minimal",
            token_budget=200,
            template="The user's name is {{name}}.\nToday is {{weekday}}, {{date}}.",
        ),
        ScopeRules(
            "standard",
            (KindRule("profile", None, 5), KindRule(EVERY_OTHER, 7, 200)),
            token_budget=2_000,
        ),
        ScopeRules(
            "comprehensive",
            (
                KindRule("profile", None, 5),
                KindRule("pattern", 84, 100),
                KindRule("weekly_recap", 84, 24),
                KindRule(EVERY_OTHER, 84, 1_000),
            ),
            token_budget=8_000,
        ),
    )
}


class BadKinds(ValueError):
    """A list of kinds that cannot be applied; the message says why."""


def kinds_of(value: Any) -> tuple[KindRule, ...]:
    """Read the kinds of a scope as they are stored. Raises `BadKinds`."""
    if not isinstance(value, list) or len(value) > MAX_KINDS:
        msg = f"This must be a list of at most {MAX_KINDS} kinds."
        raise BadKinds(msg)
    found = tuple(_kind_of(each) for each in value)
    names = [rule.kind for rule in found]
    if len(set(names)) != len(names):
        raise BadKinds("Each kind may be named once.")
    return found


def _kind_of(value: Any) -> KindRule:
    if not isinstance(value, dict) or not value.keys() <= {
        "kind",
        "days",
        "max_entries",
    }:
        msg = (
            'Each is an object such as {"kind": "feels", "days": 7, "max_entries": 50}; '
            "days may be null."
        )
        raise BadKinds(msg)
    kind = value.get("kind")
    days, most = value.get("days"), value.get("max_entries", 50)
    if not isinstance(kind, str) or not (kind == EVERY_OTHER or KIND.fullmatch(kind)):
        msg = "A kind is a slug: letters, digits, _ and -; or * for every other one."
        raise BadKinds(msg)
    if days is not None and (type(days) is not int or not 1 <= days <= MAX_DAYS):
        raise BadKinds(f"days of {kind} must be from 1 to {MAX_DAYS}, or null.")
    if type(most) is not int or not 1 <= most <= MAX_ENTRIES:
        raise BadKinds(f"max_entries of {kind} must be from 1 to {MAX_ENTRIES}.")
    return KindRule(kind, days, most)


def fault_of_template(template: str, known: tuple[str, ...]) -> str:
    """Return what is wrong with a template, empty when nothing is."""
    if wrong := unknown_in(template, known):
        places = ", ".join(
            f"{{{{{name}KIND}}}}" if name.endswith(".") else f"{{{{{name}}}}}"
            for name in known
        )
        return f"{wrong[0]} is no place of a template; there are {places}."
    return ""


def kinds_as_stored(rules: ScopeRules) -> list[dict[str, Any]]:
    return [
        {"kind": rule.kind, "days": rule.days, "max_entries": rule.max_entries}
        for rule in rules.kinds
    ]
