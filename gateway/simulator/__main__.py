"""python -m gateway.simulator [--host HOST] [--port PORT] …"""

import argparse
import asyncio
import gc
import signal
import socket
from pathlib import Path

import uvloop

from gateway.simulator.behaviour import Behaviour
from gateway.simulator.ledger import Ledger
from gateway.simulator.server import application, bind, run, url_of


def main() -> None:
    options = _options()
    behaviour = Behaviour(latency_ms=options.latency_ms, pace_ms=options.pace_ms)
    ledger = Ledger(enabled=not options.no_ledger, file=options.ledger)
    app = application(
        behaviour,
        models=frozenset(filter(None, options.models.split(","))),
        any_model=options.any_model,
        ledger=ledger,
    )
    if options.fd is not None:
        sock = socket.socket(fileno=options.fd)
        sock.listen()
    else:
        sock = bind(options.host, options.port)
    print(f"listening on {url_of(sock)}", flush=True)  # noqa: T201
    # The collector would show in the tail of every measurement.
    gc.freeze()
    gc.set_threshold(10_000, 50, 1_000)

    async def run_until_told() -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
        await run(app, sock, stopped)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run_until_told())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m gateway.simulator")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 for a free one")
    parser.add_argument("--fd", type=int, help="an inherited listening socket")
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--pace-ms", type=float, default=0.0)
    parser.add_argument("--models", default="", help="further names, comma-separated")
    parser.add_argument("--any-model", action="store_true", help="accept every name")
    parser.add_argument("--ledger", type=Path, help="file to note billable calls in")
    parser.add_argument("--no-ledger", action="store_true", help="keep no calls")
    return parser.parse_args()


if __name__ == "__main__":
    main()
