"""The process that owns one embedded server: starts it, restarts it, stops it last.

    python -m config.embedded.keeper postgres|redis HOME [--throwaway]

It says "ready" on standard output once the server answers, and then waits for the last
user to go.
"""

import argparse
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from config.embedded import places, postgres, redis

SERVERS = {"postgres": postgres, "redis": redis}
START_SECONDS = 60.0
STOP_SECONDS = 30.0
TICK_SECONDS = 0.1


class Keeper:
    def __init__(self, kind: str, home: Path, *, throwaway: bool) -> None:
        self.kind = kind
        self.home = home
        self.throwaway = throwaway
        self.server = SERVERS[kind]
        self.stopping = False
        self.process: subprocess.Popen[bytes] | None = None

    def run(self) -> int:
        lock = places.lock(
            places.keeper_lock(self.home, self.kind), fcntl.LOCK_EX | fcntl.LOCK_NB
        )
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._ask_to_stop)
        try:
            if not self._start():
                return 1
        except (OSError, subprocess.CalledProcessError) as error:
            _log(str(error))
            return 1
        _say_ready()
        users = self._wait_for_last_user()
        self._stop()
        places.remove_socket_folder(self.home, self.kind)
        if self.throwaway:
            shutil.rmtree(self.home / self.kind, ignore_errors=True)
        # In this order: whoever gets the users' lock must find no keeper.
        os.close(lock)
        if users is not None:
            os.close(users)
        return 0

    def _ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True

    def _start(self) -> bool:
        """Start the server and wait for its answer; a false start is repeated."""
        deadline = time.monotonic() + START_SECONDS
        self._launch()
        while time.monotonic() < deadline and not self.stopping:
            if self._has_ended():
                if self.kind == "redis" and redis.set_aside(self.home):
                    _log("the saved data could not be read and were set aside")
                # Processes of a killed server may hold its memory for a moment.
                time.sleep(0.5)
                self._launch()
            elif self.server.is_ready(self.home):
                return True
            time.sleep(0.02)
        self._stop()
        _log(f"{self.kind} did not answer within {START_SECONDS:.0f} s")
        return False

    def _launch(self) -> None:
        self.process = self.server.launch(
            self.home, sys.stderr.buffer, throwaway=self.throwaway
        )

    def _has_ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def _wait_for_last_user(self) -> int | None:
        """Return the users' lock when it is free; None when asked to stop before."""
        path = places.users_lock(self.home, self.kind)
        while not self.stopping:
            try:
                return places.lock(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            if self._has_ended():
                _log(f"{self.kind} ended by itself and is started again")
                self._start()
            time.sleep(TICK_SECONDS)
        return None

    def _stop(self) -> None:
        if self.process is None or self._has_ended():
            return
        self.process.send_signal(self.server.STOP_SIGNAL)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _say_ready() -> None:
    """Answer the one who waits, and let go of the pipe."""
    print("ready", flush=True)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.close(nothing)


def _log(text: str) -> None:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    print(f"{stamp} keeper: {text}", file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m config.embedded.keeper")
    parser.add_argument("kind", choices=list(SERVERS))
    parser.add_argument("home", type=Path)
    parser.add_argument("--throwaway", action="store_true")
    arguments = parser.parse_args()
    keeper = Keeper(arguments.kind, arguments.home, throwaway=arguments.throwaway)
    return keeper.run()


if __name__ == "__main__":
    sys.exit(main())
