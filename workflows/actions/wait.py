"""Waits, without anybody being busy with it."""

from datetime import UTC, datetime, timedelta

from django.utils import timezone

from workflows.actions.outcomes import Failed, Outcome, Waiting
from workflows.actions.task import Task
from workflows.definitions.steps import JSON
from workflows.limits import MAX_WAIT

CALLS_OUT = False
SUMMARY = "Waits for a while, or until a moment."
_LONGEST_S = MAX_WAIT.total_seconds()
INPUT: JSON = {
    "type": "object",
    "properties": {
        "seconds": {"type": "number", "minimum": 0, "maximum": _LONGEST_S},
        "ms": {"type": "number", "minimum": 0, "maximum": _LONGEST_S * 1000},
        "until": {"type": "string", "description": "ISO 8601, with a time zone."},
    },
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": False,
}


async def perform(task: Task) -> Outcome:
    now = timezone.now()
    until = _until(task.input, now)
    if until is None:
        msg = "'until' must be a moment such as 2026-01-31T12:00:00Z."
        return Failed("invalid_input", msg)
    if until - now > MAX_WAIT:
        msg = f"A step may wait for {MAX_WAIT.days} days at most."
        return Failed("invalid_input", msg)
    return Waiting(until, {"until": until.isoformat()})


def _until(said: JSON, now: datetime) -> datetime | None:
    if "until" not in said:
        seconds = said.get("seconds", 0) + said.get("ms", 0) / 1000
        return now + timedelta(seconds=seconds)
    try:
        until = datetime.fromisoformat(said["until"])
    except ValueError:
        return None
    return until if until.tzinfo is not None else until.replace(tzinfo=UTC)
