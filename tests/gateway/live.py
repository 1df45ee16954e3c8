"""The real application on a port of its own, in a thread of the test process."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from unittest.mock import patch

import uvicorn
import uvloop
from django.core.asgi import get_asgi_application
from django.test import override_settings

from config.application import Application
from config.protocol import LimitedHttpProtocol
from gateway import opening, uses
from gateway.cache import table
from gateway.cache.questions import AnswerCache
from gateway.configuration.catalog_loading import newest_version
from gateway.limits.limiter import Limiter
from gateway.serve import Gateway
from gateway.simulator.server import bind, url_of
from tenants.models import Project
from usage import shipper
from usage.models import UsageEvent
from usage.segments import QUARANTINE_NAME
from usage.spool import Spool

_T = TypeVar("_T")

# A busy machine is no reason to decide without Redis; its outages are tested apart.
_PATIENT_S = 5.0
_SHIP_EVERY_S = 0.02
_WAIT_S = 20.0


class LiveGateway:
    """A running gateway, and what a test may look at behind its back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.app = Application(get_asgi_application())
        self._socket = bind()
        self.url = url_of(self._socket)
        self._loop = uvloop.new_event_loop()
        self._server = uvicorn.Server(
            uvicorn.Config(
                self.app,
                interface="asgi3",
                http=LimitedHttpProtocol,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=5,
            )
        )
        self._thread = threading.Thread(target=self._run, name="gateway", daemon=True)
        self._permanent: set[asyncio.Task[Any]] = set()

    def __enter__(self) -> Self:
        patient = partial(Limiter, answer_s=_PATIENT_S)
        with (
            override_settings(SPOOL_DIR=self.folder),
            patch.object(opening, "Limiter", patient),
            patch.object(
                opening, "AnswerCache", partial(AnswerCache, answer_s=_PATIENT_S)
            ),
        ):
            self._thread.start()
            wait_until(lambda: self._server.started or not self._thread.is_alive())
        self._permanent = self._do(lambda: asyncio.all_tasks(self._loop))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=15)
        assert not self._thread.is_alive(), "the gateway does not stop"

    @property
    def gateway(self) -> Gateway:
        gateway = self.app._gateway
        assert gateway is not None
        return gateway

    @property
    def spool(self) -> Spool:
        spool = self.app._spool
        assert spool is not None
        return spool

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Await something in the gateway's event loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_WAIT_S)

    def caught_up(self) -> None:
        """Wait until the gateway serves from what is in the database now."""
        newest = newest_version()
        snapshot = self.gateway.snapshot
        wait_until(
            lambda: snapshot.version >= newest and not snapshot._reloads.is_pending
        )

    def events(self, project: Project) -> list[UsageEvent]:
        """Return the project's usage events once everything under way is stored."""
        self.settled()
        found = UsageEvent.objects.for_project(project)
        return list(found.order_by("occurred_at", "attempt"))

    def settled(self) -> None:
        """Wait until no request is under way and all that was spooled is stored."""
        wait_until(lambda: not self.unfinished_tasks())
        wait_until(lambda: self.spool.depth().open_intents == 0)
        wait_until(lambda: self.spool.depth().unshipped_bytes == 0)
        wait_until(lambda: not self.gateway.cache.table.waiting)

    def unfinished_tasks(self) -> set[asyncio.Task[Any]]:
        """Return the tasks that were not there when the gateway had just started."""

        return self._do(lambda: asyncio.all_tasks(self._loop) - self._permanent)

    def open_calls(self) -> int:
        """Return how many connections to providers are in use."""

        def count() -> int:
            return sum(
                len(requests.pool._acquired)
                for requests in self.gateway.transport._requests.values()
            )

        return self._do(count)

    def assert_nothing_is_left(self) -> None:
        """Fail when a request left something behind."""
        self.settled()
        # A credential that was quarantined is news; the database is emptied next.
        self.caught_up()
        wait_until(lambda: self.open_calls() == 0)
        assert not (self.folder / QUARANTINE_NAME).exists(), "an event was refused"
        assert not self.gateway.limiter._held, "a lease was not given back"
        running = [each for each in self.gateway.standings if each.running]
        assert not running, "an attempt counts as running"

    def _do(self, work: Callable[[], _T]) -> _T:
        """Do something in the gateway's thread, outside of any task."""
        done = threading.Event()
        found: list[_T] = []

        def do() -> None:
            found.append(work())
            done.set()

        self._loop.call_soon_threadsafe(do)
        assert done.wait(_WAIT_S)
        return found[0]

    def _run(self) -> None:
        with (
            patch.object(shipper, "TURN_SECONDS", _SHIP_EVERY_S),
            patch.object(table, "WRITE_EVERY_S", _SHIP_EVERY_S),
            patch.object(table, "ANSWER_S", _PATIENT_S),
            # What is written once a minute would come between two statements of a test.
            patch.object(uses, "WRITE_EVERY_S", 3_600),
            asyncio.Runner(loop_factory=lambda: self._loop) as runner,
        ):
            runner.run(self._server.serve([self._socket]))


def wait_until(condition: Callable[[], bool], seconds: float = _WAIT_S) -> float:
    """Wait for the condition and return how long it took; too long is a failure."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, f"not within {seconds} s"
        time.sleep(0.002)
    return time.monotonic() - began


def open_sockets() -> int:
    """Return how many file descriptors of this process are sockets."""
    count = 0
    for entry in Path("/proc/self/fd").iterdir():
        try:
            count += str(entry.readlink()).startswith("socket:")
        except OSError:
            continue
    return count
