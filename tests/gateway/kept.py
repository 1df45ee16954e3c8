"""A gateway that one file after the other uses, for as long as the next one needs it."""

import gc
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from django.db import connection
from pytest_django import DjangoDbBlocker

from tests import emptying
from tests.gateway.live import LiveGateway, open_sockets, wait_until


class KeptGateway:
    """Started when it is asked for, and ended before tests that have no use for it."""

    def __init__(
        self, new_folder: Callable[[], Path], blocker: DjangoDbBlocker
    ) -> None:
        self._new_folder = new_folder
        self._blocker = blocker
        self._running: LiveGateway | None = None
        self._ending = ExitStack()
        self._sockets = 0

    def running(self) -> LiveGateway:
        if self._running is None:
            _leave_the_database()
            self._sockets = open_sockets()
            # Its threads read the database between two tests as well.
            self._ending.enter_context(self._blocker.unblock())
            gateway = LiveGateway(self._new_folder())
            self._running = self._ending.enter_context(gateway)
        return self._running

    def end(self) -> None:
        if self._running is None:
            return
        self._running = None
        self._ending.close()
        _leave_the_database()
        wait_until(self._sockets_are_closed)

    def _sockets_are_closed(self) -> bool:
        # Clients that tests have left in cycles hold sockets, too.
        gc.collect()
        return open_sockets() <= self._sockets


def _leave_the_database() -> None:
    connection.close()
    emptying.close()
