"""How a log line looks: one event name and its fields, as JSON or for a person."""

import logging
import sys
import traceback
from collections.abc import Iterator
from types import TracebackType

import structlog
from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, OperationalError

# These tell of servers, files and settings; any other may quote what a tenant sent.
_TELLING = (
    OSError,
    ImportError,
    ImproperlyConfigured,
    InterfaceError,
    OperationalError,
)

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


def line_formatter() -> logging.Formatter:
    """Return the formatter of every handler: readable on a terminal, JSON elsewhere."""
    renderer = (
        structlog.dev.ConsoleRenderer(colors=True)
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer()
    )
    return structlog.stdlib.ProcessorFormatter(
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.ExceptionRenderer(failure),
            renderer,
        ],
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
    )


def failure(exc_info: ExcInfo) -> str:
    """Return where and as what it failed, without words that are not ours."""
    return "\n".join(_lines(exc_info[1], set()))


def _lines(error: BaseException, seen: set[int]) -> Iterator[str]:
    seen.add(id(error))
    before = error.__cause__
    if before is None and not error.__suppress_context__:
        before = error.__context__
    if before is not None and id(before) not in seen:
        yield from _lines(before, seen)
        yield "\nThen:\n"
    yield "Traceback (most recent call last):"
    yield "".join(traceback.format_tb(error.__traceback__)).rstrip("\n")
    kind = type(error)
    name = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    yield f"{name}: {error}" if isinstance(error, _TELLING) else name
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            if id(each) not in seen:
                yield "\nAmong them:\n"
                yield from _lines(each, seen)
