"""Each report and each alert arrives once, whatever happens to those who send them."""

import asyncio
import email
import random
import re
import time
from collections import Counter
from typing import Any

import pytest

from tests.durability.conftest import Note
from tests.durability.stand import Stand, stand, until
from tests.durability.workers import THREADS, Background, workers
from tests.usage.receiving import Mailbox, Receiver, mail_server

# Five processes of Celery start first.
BEGUN_SECONDS = 300.0
# A report whose worker died three times is tried again after 160 s.
ENDED_SECONDS = 300.0
_OPEN = "state IN ('waiting', 'claimed', 'rendered')"


class SlowMailbox(Mailbox):
    """Takes its time over each message, so that a worker may die meanwhile."""

    async def handle_DATA(  # noqa: N802  # The name that aiosmtpd calls.
        self, server: Any, session: Any, envelope: Any
    ) -> str:
        await asyncio.sleep(0.05)
        if session.peer is None:
            return "451 Gone"
        return await super().handle_DATA(server, session, envelope)


@pytest.mark.timeout(900)
def test_two_beats_three_workers_and_a_kill_send_each_report_and_alert_once(
    note: Note,
) -> None:
    send_and_kill(each=4, kills=2, every_s=2.0, note=note)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_worker_killed_every_two_seconds_repeats_no_report(note: Note) -> None:
    send_and_kill(each=40, kills=20, every_s=2.0, note=note)


def send_and_kill(*, each: int, kills: int, every_s: float, note: Note) -> None:
    mailbox, receiver = SlowMailbox(), Receiver()
    receiver.thread.start()
    with mail_server(mailbox) as port, stand(webs=1) as made:
        made.environment |= {
            "EMAIL_URL": f"smtp://127.0.0.1:{port}",
            "SIGNALBOX_WEBHOOK_PRIVATE_ADDRESSES": "true",
        }
        due = made.console.do("make_reports", each=each, hook=receiver.url, every_s=1)
        with workers(made, count=3, beats=2) as running:
            killed = kill_some(made, running, kills, every_s)
            took = until(lambda: is_over(made, due), at_most=ENDED_SECONDS, step=0.2)
        reports = made.sql("SELECT state, count(*) FROM usage_reportrun GROUP BY 1")
        alerts = made.sql("SELECT count(*) FROM usage_alert")
    receiver.server.shutdown()
    receiver.server.server_close()

    mails = Counter(
        email.message_from_bytes(m.content)["Message-ID"] for m in mailbox.messages
    )
    posts = Counter(headers["webhook-id"] for headers, _ in receiver.posted)
    assert reports == [("sent", due)]
    assert alerts == [(each,)]
    # Half of the reports, and every alert, go each way.
    assert len(mails) == len(posts) == due // 2 + each
    # What a thread of a killed worker had sent and not yet written down is sent again,
    # under the same id, by which mail servers and receivers know it.
    repeated = mails.total() - len(mails) + posts.total() - len(posts)
    assert repeated <= killed * THREADS
    assert all(
        re.fullmatch(r"<(report|notification)-[\w-]+@signalbox>", m) for m in mails
    )
    note("reports, alerts", (due, each))
    note("kills, sent again under the same id", (killed, repeated))
    note("ended within s of the last kill", round(took, 1))


def kill_some(
    made: Stand, running: list[Background], kills: int, every_s: float
) -> int:
    """Kill one worker after another while there is something to do; return how many."""
    chance = random.Random(20261121)
    # Looked for seldom: what looks takes time from what starts.
    until(lambda: _count(made, "usage_reportrun"), at_most=BEGUN_SECONDS, step=0.2)
    for number in range(kills):
        if not _count(made, f"usage_reportrun WHERE {_OPEN}"):
            return number
        victim = chance.choice(running)
        victim.kill()
        victim.start()
        time.sleep(every_s)
    return kills


def is_over(made: Stand, due: int) -> bool:
    sent = _count(made, "usage_reportrun WHERE state = 'sent'")
    pending = _count(made, "usage_delivery WHERE state = 'pending'")
    told = _count(made, "usage_alert")
    untold = _count(made, "usage_budgetwarning WHERE told_at IS NULL")
    return sent == due and told > 0 and pending == 0 and untold == 0


def _count(made: Stand, what: str) -> int:
    found: int = made.sql(f"SELECT count(*) FROM {what}")[0][0]
    return found
