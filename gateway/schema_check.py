"""Does a JSON text fit a JSON schema? Found out at a bounded price, asking nobody else."""

import json
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

import jsonschema
import regex
from jsonschema import Draft202012Validator, validators
from referencing import Registry
from referencing.exceptions import Unresolvable

MAX_SCHEMA_BYTES = 64 * 1024
_MAX_STEPS = 50_000
_PATTERN_S = 0.05
_MAX_SHOWN = 300


class SchemaRefused(ValueError):
    """A schema that is none, or that nothing can be checked against here."""


class _TooCostly(Exception):
    """The check takes more steps than any reasonable schema needs."""


_steps: ContextVar[int] = ContextVar("steps", default=0)


def _counted(keyword: Any) -> Any:
    def check(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
        taken = _steps.get() + 1
        if taken > _MAX_STEPS:
            raise _TooCostly
        _steps.set(taken)
        yield from keyword(validator, value, instance, schema) or ()

    return check


def _matches(pattern: str, text: str) -> bool:
    try:
        return regex.search(pattern, text, timeout=_PATTERN_S) is not None
    except regex.error as error:
        msg = f"{pattern[:100]!r} is no regular expression."
        raise SchemaRefused(msg) from error
    except TimeoutError as error:
        raise _TooCostly from error


def _pattern(
    validator: Any, pattern: str, instance: Any, schema: Any
) -> Iterator[jsonschema.ValidationError]:
    if isinstance(instance, str) and not _matches(pattern, instance):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(
    validator: Any, patterns: Mapping[str, Any], instance: Any, schema: Any
) -> Iterator[jsonschema.ValidationError]:
    if isinstance(instance, dict):
        for pattern, subschema in patterns.items():
            for name, value in instance.items():
                if _matches(pattern, name):
                    yield from validator.descend(
                        value, subschema, path=name, schema_path=pattern
                    )


def _additional_properties(
    validator: Any, allowed: Any, instance: Any, schema: Mapping[str, Any]
) -> Iterator[jsonschema.ValidationError]:
    if not isinstance(instance, dict):
        return
    known = schema.get("properties", {})
    patterns = schema.get("patternProperties", {})
    for name, value in instance.items():
        if name in known or any(_matches(pattern, name) for pattern in patterns):
            continue
        if isinstance(allowed, dict):
            yield from validator.descend(value, allowed, path=name)
        elif allowed is False:
            yield jsonschema.ValidationError(f"{name!r} is not among the properties")


_Validator: Any = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        name: _counted(keyword)
        for name, keyword in {
            **Draft202012Validator.VALIDATORS,
            "pattern": _pattern,
            "patternProperties": _pattern_properties,
            "additionalProperties": _additional_properties,
        }.items()
    },
)
# Nothing is fetched: what a schema refers to must be in it.
_NOTHING_ELSE: Registry[Any] = Registry()


def check_schema(schema: Mapping[str, Any]) -> None:
    """Raise `SchemaRefused` for what no answer could be checked against."""
    _validator(_packed(schema))


def violation(schema: Mapping[str, Any], value: Any) -> str:
    """Return how the value breaks the schema, in words; empty when it does not.

    Raises `SchemaRefused` when that cannot be found out.
    """
    validator = _validator(_packed(schema))
    token = _steps.set(0)
    try:
        error = next(validator.iter_errors(value), None)
    except _TooCostly as refused:
        msg = "The schema is too costly to check; make it simpler."
        raise SchemaRefused(msg) from refused
    except (Unresolvable, RecursionError) as refused:
        msg = "The schema refers to something that is not in it, or to itself."
        raise SchemaRefused(msg) from refused
    finally:
        _steps.reset(token)
    if error is None:
        return ""
    place = "".join(f"[{part!r}]" for part in error.absolute_path) or "the answer"
    return f"at {place}: {error.message}"[:_MAX_SHOWN]


def _packed(schema: Mapping[str, Any]) -> str:
    packed = json.dumps(schema)
    if len(packed) > MAX_SCHEMA_BYTES:
        msg = f"A schema may have at most {MAX_SCHEMA_BYTES} bytes."
        raise SchemaRefused(msg)
    return packed


@lru_cache(maxsize=512)
def _validator(packed: str) -> Any:
    schema = json.loads(packed)
    token = _steps.set(0)
    try:
        Draft202012Validator.check_schema(schema)
    except (jsonschema.SchemaError, RecursionError) as error:
        told = getattr(error, "message", "it is nested too deeply")
        msg = f"The schema is not valid: {told}"[:_MAX_SHOWN]
        raise SchemaRefused(msg) from error
    finally:
        _steps.reset(token)
    for place in _references(schema):
        if not place.startswith("#"):
            msg = (
                f"The schema refers to {place[:100]!r}; only places in it ('#/…') work."
            )
            raise SchemaRefused(msg)
    return _Validator(schema, registry=_NOTHING_ELSE)


def _references(tree: Any) -> Iterator[str]:
    """Yield what `$ref` and its like name, wherever they stand."""
    waiting = [tree]
    while waiting:
        here = waiting.pop()
        if isinstance(here, list):
            waiting.extend(here)
        elif isinstance(here, dict):
            for name in ("$ref", "$dynamicRef"):
                if isinstance(place := here.get(name), str):
                    yield place
            waiting.extend(here.values())
