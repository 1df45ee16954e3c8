"""What checks definitions, steps and the inputs of actions against their JSON schemas."""

from functools import cache
from typing import Any

import jsonschema
from jsonschema import Draft202012Validator

from workflows.actions.registry import ACTIONS
from workflows.definitions.placeholders import only_path
from workflows.definitions.schema import DEFINITION, STEP
from workflows.definitions.steps import JSON


@cache
def checker_of(kind: str) -> Draft202012Validator:
    return Draft202012Validator({"definition": DEFINITION, "step": STEP}[kind])


@cache
def input_checker(action: str, *, is_filled: bool) -> Draft202012Validator:
    """Return what checks an input; before it is filled a placeholder may be anything."""
    schema: JSON = ACTIONS[action].INPUT
    checker: Draft202012Validator = (
        Draft202012Validator(schema) if is_filled else _Unfilled(schema)
    )
    return checker


def _unless_placeholder(check: Any) -> Any:
    """Return a keyword of JSON Schema that lets placeholders pass."""

    def checked(validator: Any, wanted: Any, value: Any, schema: Any) -> Any:
        if isinstance(value, str) and only_path(value) is not None:
            return
        yield from check(validator, wanted, value, schema) or ()

    return checked


_Unfilled: Any = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        name: _unless_placeholder(Draft202012Validator.VALIDATORS[name])
        for name in ("type", "enum", "minLength", "maxLength")
    },
)
