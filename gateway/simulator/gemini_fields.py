"""Field names of Google's JSON: camelCase and snake_case mean the same."""

import re
from typing import Any

from gateway.simulator.checks import names_in, refuse

_UNDERSCORE = re.compile(r"_([a-z0-9])")
# What stands under these belongs to the caller and is left alone.
_OPAQUE = names_in(
    "args response responseJsonSchema parametersJsonSchema labels partMetadata"
)


def in_camel_case(value: Any) -> Any:
    """Return the same JSON with its field names in camelCase."""
    if isinstance(value, list):
        return [in_camel_case(each) for each in value]
    if not isinstance(value, dict):
        return value
    made = {}
    for key, each in value.items():
        name = _UNDERSCORE.sub(lambda found: found[1].upper(), key)
        if name in _OPAQUE:
            made[name] = each
        elif name == "properties" and isinstance(each, dict):
            made[name] = {inner: in_camel_case(v) for inner, v in each.items()}
        else:
            made[name] = in_camel_case(each)
    return made


def check_names(value: Any, known: frozenset[str], place: str = "") -> None:
    """Refuse a field that Google does not know, and what is no object."""
    where = f" at '{place}'" if place else ""
    if not isinstance(value, dict):
        refuse(f"Invalid value{where} (type object), {str(value)[:40]!r}")
    for name in value:
        if name not in known:
            refuse(
                f'Invalid JSON payload received. Unknown name "{name}"{where}: Cannot '
                "find field."
            )
