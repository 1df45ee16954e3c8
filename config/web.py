"""One web process: `python -m config.web --fd N`, or `--host … --port …` on its own."""

import argparse
import asyncio
import gc
import socket
from types import FrameType

import uvicorn
import uvloop
from django.urls import reverse

from config.asgi import Application, application
from config.draining import delay_seconds, drain_seconds
from config.listener import BACKLOG, listen
from config.protocol import LimitedHttpProtocol

KEEP_ALIVE_SECONDS = 75
# A request leaves next to no cycles behind, so the first comes seldom. Each time, what is
# under way survives it, and is garbage soon: the others must not be long in coming.
GC_THRESHOLDS = (10_000, 5, 5)


class WebServer(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, app: Application) -> None:
        super().__init__(config)
        self.app = app

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        # All routes are imported now, for which the first page would have to wait.
        reverse("admin:index")
        await super().startup(sockets)
        # What is here now stays for good; the collector need not look at it again.
        gc.collect()
        gc.freeze()
        # Python looks through all that is old when a quarter of it is new since it last
        # did; this makes it count from nothing, not from what is frozen.
        gc.collect()
        gc.set_threshold(*GC_THRESHOLDS)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Turn unready at once, and stop when load balancers have seen it."""
        delay = delay_seconds()
        if self.app.draining or not delay:
            self._end(sig, frame)
        else:
            asyncio.get_running_loop().call_later(delay, self._end, sig, frame)
        self.app.draining = True

    def _end(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        # Uvicorn would send itself the signal again at the end, which is no good end.
        self._captured_signals.clear()


def serve(sock: socket.socket) -> None:
    config = uvicorn.Config(
        application,
        interface="asgi3",
        http=LimitedHttpProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=drain_seconds(),
    )
    server = WebServer(config, application)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(server.serve(sockets=[sock]))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m config.web")
    parser.add_argument("--fd", type=int, help="an inherited listening socket")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args()
    if options.fd is not None:
        sock = socket.socket(fileno=options.fd)
    else:
        sock = listen(options.host, options.port)
    serve(sock)


if __name__ == "__main__":
    main()
