"""The real PostgreSQL and Redis that the tests run against.

A pytest plugin (`-p tests.services`), because Django's settings are read before any
conftest.py is.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import embedded
from tests import database_template


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Start what is not given by DATABASE_URL and REDIS_URL, in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="signalbox-tests-"))
    early_config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    os.environ["SIGNALBOX_HOME"] = str(folder)
    if not os.environ.get("DATABASE_URL") and embedded.is_on():
        database_template.lay_out(folder)
        os.environ["SIGNALBOX_TEST_TEMPLATE"] = database_template.TEMPLATE
    servers = embedded.start(folder, throwaway=True)
    early_config.add_cleanup(servers.stop)
    os.environ["DATABASE_URL"] = servers.database_url
    os.environ["REDIS_URL"] = own_redis_database(servers.redis_url)
    yield


def own_redis_database(url: str) -> str:
    """Give each process of a parallel run a Redis database of its own."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if not worker.startswith("gw"):
        return url
    return url.replace("?db=0", f"?db={int(worker.removeprefix('gw')) + 1}")
