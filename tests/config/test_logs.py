"""What a log line tells of a failure: where, and as what, and nothing that was sent."""

import io
import json
import logging
from typing import Any

import pytest
from django.db import OperationalError

from config.logs import line_formatter

PROMPT = "what somebody asked"


@pytest.fixture
def line() -> Any:
    """Log an error, and return the line that is written."""

    def written(error: BaseException) -> dict[str, Any]:
        out = io.StringIO()
        handler = logging.StreamHandler(out)
        handler.setFormatter(line_formatter())
        logger = logging.getLogger("tests.failing")
        logger.addHandler(handler)
        try:
            raise error
        except BaseException:
            logger.exception("failed", extra={"run": "7"})
        finally:
            logger.removeHandler(handler)
        found: dict[str, Any] = json.loads(out.getvalue())
        return found

    return written


def test_a_failure_is_told_without_its_words_a12(line: Any) -> None:
    error = ValueError(f"invalid literal for int(): '{PROMPT}'")
    error.__cause__ = KeyError(PROMPT)

    told = line(error)

    assert (told["event"], told["level"], told["run"]) == ("failed", "error", "7")
    assert PROMPT not in json.dumps(told)
    assert "ValueError" in told["exception"]
    assert "KeyError" in told["exception"]
    assert "test_logs.py" in told["exception"]


def test_what_servers_say_is_told(line: Any) -> None:
    assert "Connection refused" in line(OSError(111, "Connection refused"))["exception"]
    told = line(OperationalError("the database system is starting up"))["exception"]
    assert told.endswith("OperationalError: the database system is starting up")


def test_all_of_a_group_are_told(line: Any) -> None:
    errors = [ValueError(PROMPT), OSError("no route to host")]

    told = line(ExceptionGroup(PROMPT, errors))["exception"]

    assert PROMPT not in told
    assert "ValueError" in told
    assert "no route to host" in told
