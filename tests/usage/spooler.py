"""A process that spools until it is killed.

Run with the folder of the spools and, if it shall ship as well, how to connect to the
database. Each attempt is named on standard output once its intent, or its settlement,
is written.
"""

import json
import os
import sys
from pathlib import Path

from tests.usage.events import intent, outcome
from usage.shipper import Shipper
from usage.spool import Spool


def main(root: str, parameters: str = "") -> None:
    spool = Spool.open(Path(root), max_bytes=2**30, segment_bytes=20_000)
    if parameters:
        Shipper(spool, lambda: json.loads(parameters)).start()
    while True:
        record = intent()
        spool.intend(record)
        os.write(1, b"I%b\n" % str(record.id).encode())
        spool.settle(record.id, outcome())
        os.write(1, b"S%b\n" % str(record.id).encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
