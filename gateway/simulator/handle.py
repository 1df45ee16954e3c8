"""Handles on running simulators, for tests and benchmarks."""

import asyncio
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import uvloop

from gateway.simulator.app import Application
from gateway.simulator.behaviour import EVERY_MODEL, Behaviour
from gateway.simulator.ledger import Call, Ledger
from gateway.simulator.server import application, bind, run, url_of

_Result = TypeVar("_Result")
_SAID = "listening on "


class Simulator:
    """A simulator in a thread of this process."""

    def __init__(self, app: Application, sock: socket.socket) -> None:
        self.app = app
        self.url = url_of(sock)
        self._loop = uvloop.new_event_loop()
        self._stopped = asyncio.Event()
        self._thread = threading.Thread(
            target=self._run, args=(sock,), name="simulator", daemon=True
        )
        self._thread.start()

    def _run(self, sock: socket.socket) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(run(self.app, sock, self._stopped))

    @property
    def calls(self) -> list[Call]:
        """The calls so far, with the headers and bodies that came."""
        return self._do(lambda: list(self.app.ledger.calls))

    def change(self, model: str = EVERY_MODEL, **settings: Any) -> None:
        """Change a model's behaviour: latency_ms, pace_ms, events, fault and so on."""
        self._do(lambda: self.app.change(model, settings))

    def reset(self) -> None:
        """Forget the calls, and what was changed."""
        self._do(self.app.reset)

    def stop(self) -> None:
        """End it, and every connection to it."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join(timeout=10)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _do(self, work: Callable[[], _Result]) -> _Result:
        """Do something in the thread that the application lives in."""
        result: Future[_Result] = Future()

        def do() -> None:
            try:
                result.set_result(work())
            except Exception as error:
                result.set_exception(error)

        self._loop.call_soon_threadsafe(do)
        return result.result(timeout=10)


class SimulatorProcess:
    """A simulator in a process of its own."""

    def __init__(
        self, arguments: Sequence[str] = (), pass_fds: Sequence[int] = ()
    ) -> None:
        command = [sys.executable, "-m", "gateway.simulator", *arguments]
        self.process = subprocess.Popen(  # noqa: S603
            command, stdout=subprocess.PIPE, text=True, pass_fds=pass_fds
        )
        assert self.process.stdout is not None  # noqa: S101
        said = self.process.stdout.readline()
        if not said.startswith(_SAID):
            self.stop()
            raise RuntimeError(f"The simulator did not start: {said!r}")
        self.url = said.removeprefix(_SAID).strip()

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The calls so far, as the ledger shows them over HTTP."""
        calls: list[dict[str, Any]] = self.ledger()["calls"]
        return calls

    def ledger(self) -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(f"{self.url}/sim/calls", timeout=30).json()
        return found

    def change(self, model: str = EVERY_MODEL, **settings: Any) -> None:
        body = {"model": model, **settings}
        httpx.post(f"{self.url}/sim/settings", json=body).raise_for_status()

    def reset(self) -> None:
        httpx.post(f"{self.url}/sim/reset").raise_for_status()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=10)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def serve(
    *,
    port: int = 0,
    defaults: Behaviour | None = None,
    models: frozenset[str] = frozenset(),
    any_model: bool = False,
) -> Simulator:
    """Start a simulator in a thread, on a free port unless one is given."""
    app = application(
        defaults,
        models=models,
        any_model=any_model,
        ledger=Ledger(keep_bodies=True),
    )
    return Simulator(app, bind(port=port))
