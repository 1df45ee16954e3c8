"""Google's older schemas: a subset of OpenAPI's, with types in capitals."""

from typing import Any

from gateway.simulator.checks import names_in
from gateway.simulator.gemini_fields import check_names
from gateway.simulator.types import JSON

_KEYWORDS = names_in(
    "type format title description nullable enum items minItems maxItems properties "
    "required propertyOrdering minProperties maxProperties minimum maximum minLength "
    "maxLength pattern anyOf default example"
)
_WHOLE = names_in("minItems maxItems minProperties maxProperties minLength maxLength")


def json_schema_of(schema: Any, place: str) -> JSON:
    """Return the JSON schema that means the same; refuse unknown keywords."""
    check_names(schema, _KEYWORDS, place)
    made: JSON = {}
    for key, value in schema.items():
        match key:
            case "type":
                made[key] = str(value).lower()
            case "items":
                made[key] = json_schema_of(value, f"{place}.items")
            case "properties":
                made[key] = {
                    name: json_schema_of(each, f"{place}.properties[{at}].value")
                    for at, (name, each) in enumerate(value.items())
                }
            case "anyOf":
                made[key] = [json_schema_of(each, f"{place}.any_of") for each in value]
            case "nullable" | "propertyOrdering" | "example" | "format":
                pass
            # Whole numbers of 64 bits may come as text.
            case _ if key in _WHOLE:
                made[key] = int(value)
            case _:
                made[key] = value
    if schema.get("nullable") is True and "type" in made:
        made["type"] = [made["type"], "null"]
    return made
