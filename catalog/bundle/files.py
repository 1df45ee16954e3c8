"""Bundles as the management commands take them: a file, or standard input."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.management.base import CommandError

from catalog.bundle.document import Document, load_document
from catalog.bundle.mistakes import BundleRefused


def read_bundle(name: str) -> Document:
    """Read and parse a file, or standard input for `-`."""
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return load_document(data.decode("utf-8-sig"))
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{name} is not UTF-8: {error.reason}.") from error


@contextmanager
def refusals_as_command_errors(name: str) -> Iterator[None]:
    """Say every mistake of a refused bundle, one per line."""
    try:
        yield
    except BundleRefused as refused:
        count = len(refused.mistakes)
        mistakes = "1 mistake" if count == 1 else f"{count} mistakes"
        message = f"{mistakes} in {name}, nothing was changed:\n{refused}"
        raise CommandError(message) from refused
