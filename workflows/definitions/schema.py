"""The JSON Schema of a definition, as it is published and as definitions are checked."""

from functools import cache
from typing import Any

from workflows.actions.approval import GATE
from workflows.actions.registry import ACTIONS
from workflows.definitions.steps import JSON
from workflows.limits import (
    MAX_ATTEMPTS,
    MAX_COST_USD,
    MAX_DELAY_MS,
    MAX_EXPRESSION_LENGTH,
    MAX_ID_LENGTH,
    MAX_LINKS,
    MAX_NAME_LENGTH,
    MAX_RUN_TIME,
    MAX_STEP_TIME,
    MAX_STEPS,
    USUAL_RUN_TIME,
    USUAL_STEP_TIME,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NAME: JSON = {
    "type": "string",
    "pattern": "^[A-Za-z_][A-Za-z0-9_-]*$",
    "minLength": 1,
    "maxLength": MAX_ID_LENGTH,
}
_LINK: JSON = {
    "type": ["string", "array"],
    "items": {"type": "string"},
    "maxItems": MAX_LINKS,
}
_MONEY: JSON = {
    "type": "number",
    "minimum": 0,
    "maximum": int(MAX_COST_USD),
    "description": "USD.",
}

STEP: JSON = {
    "type": "object",
    "properties": {
        "id": _NAME,
        "action": {
            "type": "string",
            "enum": list(ACTIONS),
            "description": "; ".join(
                f"{name}: {module.SUMMARY}" for name, module in ACTIONS.items()
            ),
        },
        "provider": {
            "type": "string",
            "description": "Who is to answer; another, where that one is not configured.",
        },
        "model": {"type": "string", "description": "An alias or a model."},
        "input": {"type": "object", "description": "What the action is given."},
        "when": {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_EXPRESSION_LENGTH,
            "description": "The step is left out when this does not hold.",
        },
        "retry": {
            "type": "object",
            "properties": {
                "maxAttempts": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": MAX_ATTEMPTS,
                    "default": 1,
                },
                "delayMs": {
                    "type": "integer",
                    "minimum": 0,
                    "maximum": MAX_DELAY_MS,
                    "default": 1000,
                    "description": "Before the second attempt; twice that before the next.",
                },
            },
            "additionalProperties": False,
        },
        "onSuccess": {**_LINK, "description": "Steps that follow when it went well."},
        "onFailure": {**_LINK, "description": "Steps that follow when it failed."},
        "dependsOn": {
            **_LINK,
            "description": "Steps that come before; `[]`: begins with the run.",
        },
        "maxCostUSD": _MONEY,
        "approval": {
            "type": ["boolean", "object"],
            "properties": GATE,
            "additionalProperties": False,
            "description": "Somebody has to agree before the step is done.",
        },
        "timeoutMs": {
            "type": "integer",
            "minimum": 1,
            "maximum": int(MAX_STEP_TIME.total_seconds() * 1000),
            "default": int(USUAL_STEP_TIME.total_seconds() * 1000),
            "description": "How long one attempt may take.",
        },
        "onInterrupted": {
            "type": "string",
            "enum": ["retry", "ask"],
            "default": "retry",
            "description": "When its worker died and nobody knows whether it was done.",
        },
    },
    "required": ["id", "action"],
    "additionalProperties": False,
}

DEFINITION: JSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": MAX_NAME_LENGTH},
        "version": {"type": "integer", "minimum": 1, "maximum": 2_147_483_647},
        "description": {"type": "string", "maxLength": 2_000},
        "steps": {
            "type": "array",
            "items": {"type": "object"},
            "minItems": 1,
            "maxItems": MAX_STEPS,
        },
        "maxCostUSD": {**_MONEY, "description": "USD, of all steps of a run together."},
        "timeoutMs": {
            "type": "integer",
            "minimum": 1,
            "maximum": int(MAX_RUN_TIME.total_seconds() * 1000),
            "default": int(USUAL_RUN_TIME.total_seconds() * 1000),
            "description": "How long a run may take, its waits included.",
        },
        "strictProviders": {
            "type": "boolean",
            "default": False,
            "description": "A step whose provider is not configured fails.",
        },
    },
    "required": ["name", "steps"],
    "additionalProperties": False,
}


@cache
def published() -> JSON:
    """Return the schema for editors: steps and the inputs of all actions included."""
    return {
        "$schema": DIALECT,
        "title": "Signalbox workflow",
        **DEFINITION,
        "properties": {
            **DEFINITION["properties"],
            "steps": {
                **DEFINITION["properties"]["steps"],
                "items": {"$ref": "#/$defs/step"},
            },
        },
        "$defs": {
            "step": {
                **STEP,
                "allOf": [
                    {
                        "if": {
                            "properties": {"action": {"const": name}},
                            "required": ["action"],
                        },
                        "then": {
                            "properties": {"input": {"$ref": f"#/$defs/{name}"}},
                            **_also_required(name),
                        },
                    }
                    for name in ACTIONS
                ],
            },
            "placeholder": {
                "type": "string",
                "pattern": r"^\{\{[^{}]+\}\}$",
                "description": "`{{step.output.field}}` or `{{input.name}}`.",
            },
            **{name: _open(module.INPUT) for name, module in ACTIONS.items()},
        },
    }


def _also_required(action: str) -> JSON:
    wanted = {"condition": ["when"]}.get(action)
    if wanted is None and ACTIONS[action].INPUT.get("required"):
        wanted = ["input"]
    return {} if wanted is None else {"required": wanted}


def _open(schema: JSON) -> JSON:
    """Let a placeholder stand where another type than text is wanted."""
    opened: JSON = dict(schema)
    if "properties" in schema:
        opened["properties"] = {
            name: _or_placeholder(each) for name, each in schema["properties"].items()
        }
    return opened


def _or_placeholder(schema: JSON) -> JSON:
    kinds: Any = schema.get("type", "string")
    if (kinds == "string" and "enum" not in schema) or "string" in kinds:
        return schema
    return {"anyOf": [schema, {"$ref": "#/$defs/placeholder"}]}
