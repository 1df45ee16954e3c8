"""Words for the person at the terminal, who may have left."""

import os
import sys
from typing import TextIO


def say(text: str, file: TextIO = sys.stdout) -> None:
    """Print a line; never raises, because a closed terminal must not stop a stop."""
    try:
        print(text, file=file, flush=True)
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, file.fileno())
        os.close(nowhere)
