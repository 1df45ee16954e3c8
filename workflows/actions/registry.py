"""The actions by name. One module each; all have the same parts.

`INPUT` is the JSON Schema of a step's input, `SUMMARY` what it is for, `CALLS_OUT` whether
something outside may have been done when it is cut off, and `perform` does it.
"""

from collections.abc import Mapping
from types import ModuleType

from workflows.actions import (
    approval,
    condition,
    embed,
    foreach,
    generate,
    speech,
    transform,
    wait,
    webhook,
    workflow,
)

ACTIONS: Mapping[str, ModuleType] = {
    "generate": generate,
    "embed": embed,
    "speech": speech,
    "transform": transform,
    "condition": condition,
    "wait": wait,
    "approval": approval,
    "webhook": webhook,
    "workflow": workflow,
    "foreach": foreach,
}
