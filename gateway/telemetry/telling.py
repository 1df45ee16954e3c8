"""What the steps of a request tell a collector through, whatever library does it."""

import asyncio
import logging
import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from gateway.asgi import Scope
from gateway.telemetry.passing import Trace

logger = logging.getLogger(__name__)

STOP_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class StepFacts:
    run_id: UUID
    workflow: str
    step: str
    action: str


@dataclass(frozen=True, slots=True)
class EndedRun:
    id: UUID
    workflow: str
    status: str
    error_code: str
    began: datetime
    ended: datetime


class RequestTrace(Trace, Protocol):
    """A request on its way through the edge."""

    def accepted(self, request_id: str, project: str, route: str) -> None: ...

    def answered(self, status: int) -> None: ...

    def ended(self) -> None: ...


class StepTrace(Trace, Protocol):
    """A step of a run."""

    def ended(self, outcome: str, error: str = "") -> None: ...


class Telemetry(Protocol):
    """Tells a collector. Nothing here waits for it, and none of it ever raises."""

    def request(self, scope: Scope) -> RequestTrace: ...

    def step(self, facts: StepFacts) -> StepTrace: ...

    def run(self, facts: EndedRun) -> None: ...

    def stop(self) -> None: ...


async def stop_telemetry(telemetry: Telemetry, seconds: float = STOP_SECONDS) -> None:
    """Send what has not been sent yet, as far as there is time."""
    # One of asyncio's own threads would be waited for at the end of the process.
    thread = threading.Thread(target=telemetry.stop, name="telemetry", daemon=True)
    thread.start()
    await asyncio.to_thread(thread.join, seconds)
    if thread.is_alive():
        logger.warning("telemetry not all sent", extra={"seconds": seconds})
