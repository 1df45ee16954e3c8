"""The schemas that OpenAI takes for strict ones."""

from typing import Any

from gateway.simulator.checks import refuse


def check_strict(
    schema: Any, whose: str, param: str, path: tuple[str, ...] = ()
) -> None:
    """Refuse an object that leaves properties open or optional."""
    if not isinstance(schema, dict):
        return
    properties = schema.get("properties")
    if isinstance(properties, dict):
        place = f"Invalid schema for {whose}: In context={path!r}"
        if schema.get("additionalProperties") is not False:
            refuse(
                f"{place}, 'additionalProperties' is required to be supplied and to be "
                "false.",
                param,
            )
        if set(properties) - set(schema.get("required", ())):
            refuse(
                f"{place}, 'required' is required to be supplied and to be an array "
                "including every key in properties.",
                param,
            )
        for key, value in properties.items():
            check_strict(value, whose, param, (*path, "properties", key))
    check_strict(schema.get("items"), whose, param, (*path, "items"))
