"""Changes of the configuration while requests run, as an operator makes them."""

import itertools
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.durability.console import BLUE, RED, Console

_EVERY_S = 2.0
_WAYS = ("save_colour", "update_colour", "apply_colour")


@dataclass
class Edits:
    """Turns an alias to another model every other second; issues and revokes keys."""

    console: Console
    made: int = 0

    def __enter__(self) -> Self:
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        ways = itertools.cycle(_WAYS)
        models = itertools.cycle((BLUE, RED))
        while not self._stopping.wait(_EVERY_S):
            self.console.do(next(ways), model_id=next(models))
            key = self.console.new_key()
            self.console.do("revoke", key=key)
            self.made += 3
