from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pytest_django import Settings

from tests.usage.receiving import Mailbox, Receiver, mail_server
from usage.ledger import Ledger
from usage.spool import Spool


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder that all spools are in."""
    return tmp_path / "spool"


@pytest.fixture
def spool(root: Path) -> Iterator[Spool]:
    spool = Spool.open(root)
    yield spool
    spool.close()


@pytest.fixture
def ledger(root: Path, transactional_db: None) -> Iterator[Ledger]:
    root.mkdir(exist_ok=True)
    with closing(Ledger(root)) as ledger:
        yield ledger


@pytest.fixture
def mailbox(settings: Settings) -> Iterator[Mailbox]:
    mailbox = Mailbox()
    with mail_server(mailbox) as port:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        yield mailbox


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    settings.WEBHOOK_PRIVATE_ADDRESSES = True
    receiver = Receiver()
    receiver.thread.start()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()
