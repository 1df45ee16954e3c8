"""Every call that the simulator answered, so that tests can compare bills."""

import os
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from gateway.simulator.types import JSON

_KEPT = 100_000


@dataclass(slots=True)
class Call:
    """One request for an answer; it is billable once the answer has begun."""

    id: str | None
    model: str
    stream: bool
    arrived_at: float
    protocol: str = ""
    began_at: float | None = None
    ended_at: float | None = None
    status: int | None = None
    # open, completed, cut (the client left) or broken (a fault ended it).
    outcome: str = "open"
    prompt_tokens: int = 0
    completion_tokens: int = 0
    events_sent: int = 0
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    body: JSON | None = field(default=None, repr=False)

    @property
    def is_billable(self) -> bool:
        return self.began_at is not None

    def as_json(self) -> JSON:
        return {
            "id": self.id,
            "model": self.model,
            "protocol": self.protocol,
            "stream": self.stream,
            "billable": self.is_billable,
            "arrived_at": _milliseconds(self.arrived_at),
            "began_at": _milliseconds(self.began_at),
            "ended_at": _milliseconds(self.ended_at),
            "status": self.status,
            "outcome": self.outcome,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "events_sent": self.events_sent,
        }


class Ledger:
    """The latest calls in memory, the count of all of them, and a file if wanted."""

    def __init__(
        self,
        *,
        enabled: bool = True,
        keep_bodies: bool = False,
        file: Path | None = None,
    ) -> None:
        self.enabled = enabled
        self.keep_bodies = keep_bodies
        self.calls: deque[Call] = deque(maxlen=_KEPT)
        self.billable: Counter[str] = Counter()
        self._file = None
        if file is not None:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            self._file = os.open(file, flags, 0o644)

    def open(self, call: Call) -> None:
        if self.enabled:
            self.calls.append(call)

    def begin(self, call: Call, status: int) -> None:
        """Note that a successful answer begins: from here on it is billable."""
        call.began_at = time.time()
        call.status = status
        self.billable[call.model] += 1
        if self._file is not None:
            line = {"id": call.id, "model": call.model, "at": call.began_at}
            os.write(self._file, orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def close(self, call: Call, outcome: str) -> None:
        call.outcome = outcome
        call.ended_at = time.time()

    def clear(self) -> None:
        self.calls.clear()
        self.billable.clear()

    def as_json(self, since: float = 0.0) -> dict[str, Any]:
        """Return the counts, and the calls that arrived at or after that moment."""
        return {
            "billable": self.billable.total(),
            "billable_by_model": dict(self.billable),
            "calls": [
                call.as_json() for call in self.calls if call.arrived_at >= since
            ],
        }


def _milliseconds(moment: float | None) -> float | None:
    return None if moment is None else round(moment, 3)
