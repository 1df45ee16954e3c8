"""What is under way, has failed or was broken off under a key (C10)."""

import asyncio
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import openai
import pytest
from django.db import connection

from gateway.idempotency import recording, register
from gateway.idempotency.keys import Namer
from gateway.idempotency.register import IdempotencyRegister
from gateway.refusals import IdempotencyConflict
from gateway.simulator import Simulator
from tenants.models import Project
from tests.gateway.asking import HELLO, PATH, plain_and_streamed
from tests.gateway.conftest import Offer, client_for
from tests.gateway.idempotency.conftest import Send, code_of, is_replay
from tests.gateway.live import LiveGateway, wait_until
from usage import idempotent_answers
from usage.idempotent_answers import Claim
from usage.models import IdempotentAnswer


def twins(urls: list[str], key: str, **fields: Any) -> list[httpx.Response]:
    """Send one request so many times at once."""
    headers = {"authorization": f"Bearer {key}", "idempotency-key": "twin"}
    body = {"model": "fast", "messages": HELLO, **fields}

    async def send() -> list[httpx.Response]:
        async with httpx.AsyncClient(headers=headers, timeout=20) as http:
            return await asyncio.gather(
                *(http.post(url + PATH, json=body) for url in urls)
            )

    return asyncio.run(send())


def is_claimed() -> bool:
    return IdempotentAnswer.objects.filter(answered_at=None).exists()


@plain_and_streamed
def test_of_twins_one_is_answered_and_the_others_are_told_to_wait(
    offer: Offer,
    live: LiveGateway,
    neighbour: LiveGateway,
    key: str,
    upstream: Simulator,
    stream: bool,
) -> None:
    offer("sim-chat-latency-400")
    neighbour.caught_up()

    replies = twins([live.url, neighbour.url] * 4, key, stream=stream)

    found = Counter(reply.status_code for reply in replies)
    assert found == {200: 1, 409: 7}
    assert len(upstream.calls) == 1
    refused = next(reply for reply in replies if reply.status_code == 409)
    assert code_of(refused) == (409, "idempotency_conflict")
    assert refused.headers["retry-after"] == "2"


def test_the_official_client_waits_and_gets_the_answer_of_its_twin(
    offer: Offer, live: LiveGateway, key: str, upstream: Simulator
) -> None:
    offer("sim-chat-latency-400")
    said: list[str | None] = []

    def ask(client: openai.OpenAI) -> None:
        answer = client.chat.completions.create(
            model="fast", messages=HELLO, extra_headers={"idempotency-key": "twin"}
        )
        said.append(answer.choices[0].message.content)

    with client_for(live, key, max_retries=2) as client:
        asking = [threading.Thread(target=ask, args=[client]) for _ in range(2)]
        for each in asking:
            each.start()
        for each in asking:
            each.join()

    assert len(said) == 2
    assert said[0] == said[1]
    assert len(upstream.calls) == 1


def test_another_request_is_refused_while_the_first_is_under_way(
    offer: Offer, live: LiveGateway, send: Send
) -> None:
    offer("sim-chat-latency-300")
    first = threading.Thread(target=send)
    first.start()
    wait_until(is_claimed)

    assert code_of(send(temperature=0.5)) == (422, "idempotency_key_reused")
    first.join()


@pytest.mark.parametrize("model", ["500", "400", "html", "truncate", "reset"])
@plain_and_streamed
def test_what_failed_may_be_tried_again(
    offer: Offer, send: Send, upstream: Simulator, model: str, stream: bool
) -> None:
    offer(f"sim-fault-{model}", name="bad")

    first = send(model="bad", stream=stream)
    calls = len(upstream.calls)
    second = send(model="bad", stream=stream)

    assert first.status_code == second.status_code
    assert "idempotent-replayed" not in second.headers
    assert len(upstream.calls) > calls
    assert not IdempotentAnswer.objects.exists()


def test_a_failure_is_followed_by_an_answer(
    offer: Offer, send: Send, upstream: Simulator
) -> None:
    offer("sim-chat")
    upstream.change("sim-chat", fault="400")
    assert send().status_code == 400
    upstream.reset()

    assert [is_replay(send()) for _ in range(2)] == [False, True]


@pytest.mark.parametrize(
    ("fields", "status"),
    [({"model": "nobody"}, 404), ({"messages": []}, 400)],
    ids=["unknown model", "malformed"],
)
def test_a_refusal_leaves_the_key_free(
    offer: Offer, send: Send, fields: dict[str, Any], status: int
) -> None:
    offer("sim-chat")

    assert send(**fields).status_code == status
    assert not is_replay(send())


def left_by_its_client(http: httpx.Client, *, stream: bool) -> None:
    body = {"model": "fast", "messages": HELLO, "stream": stream}
    headers = {"idempotency-key": "order-1"}
    if not stream:
        with pytest.raises(httpx.ReadTimeout):
            http.post(PATH, json=body, headers=headers, timeout=0.3)
        return
    with http.stream("POST", PATH, json=body, headers=headers) as reply:
        next(reply.iter_bytes())


@plain_and_streamed
def test_what_was_broken_off_is_free_again_a_moment_later(
    offer: Offer,
    live: LiveGateway,
    http: httpx.Client,
    send: Send,
    upstream: Simulator,
    stream: bool,
) -> None:
    offer("sim-chat-pace-20-events-30" if stream else "sim-chat-latency-600")
    left_by_its_client(http, stream=stream)
    live.settled()

    assert code_of(send(stream=stream)) == (409, "idempotency_conflict")
    assert len(upstream.calls) == 1
    time.sleep(register.LEFT_S)
    assert not is_replay(send(stream=stream))
    assert is_replay(send(stream=stream))


def test_a_client_that_goes_after_the_last_event_finds_its_stream_again(
    offer: Offer, live: LiveGateway, http: httpx.Client, send: Send
) -> None:
    """The provider has not ended its response then."""
    offer("sim-chat-latency-100")
    body = {"model": "fast", "messages": HELLO, "stream": True}
    headers = {"idempotency-key": "order-1"}
    read = b""
    with http.stream("POST", PATH, json=body, headers=headers) as reply:
        for piece in reply.iter_bytes():
            read += piece
            if b"[DONE]" in read:
                break
    live.settled()

    assert send(stream=True).content == read


def test_a_lease_ends_with_its_process(
    offer: Offer, live: LiveGateway, send: Send, project: Project, upstream: Simulator
) -> None:
    """The row is what a process leaves that is killed while it answers."""
    offer("sim-chat")
    send()
    IdempotentAnswer.objects.update(answered_at=None, sealed=None)
    assert code_of(send()) == (409, "idempotency_conflict")

    with connection.cursor() as cursor:
        cursor.execute("UPDATE usage_idempotentanswer SET lease_until = now()")

    assert [is_replay(send()) for _ in range(2)] == [False, True]
    assert len(upstream.calls) == 2


def test_a_lease_lasts_as_long_as_its_request(
    transactional_db: None, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(register, "LEASE_S", 0.4)
    monkeypatch.setattr(register, "EXTEND_EVERY_S", 0.1)

    def wanted() -> Claim:
        return Namer("s").claim(
            b"k",
            project.pk,
            "/v1/x",
            query=b"",
            content_type=b"",
            content=b"",
            end_user=b"",
            request_id=str(uuid.uuid4()),
        )

    async def run() -> tuple[bool, bool]:
        one, other = IdempotencyRegister("s"), IdempotencyRegister("s")
        await one.start()
        first = wanted()
        await one.claim(first)
        await asyncio.sleep(0.8)
        with pytest.raises(IdempotencyConflict):
            await other.claim(wanted())
        kept_while_held = True
        await one.stop()
        await asyncio.sleep(0.5)
        is_free = await other.claim(wanted()) is None
        # Who has lost the lease does not overwrite what another may have answered.
        lost = not await asyncio.to_thread(_answer_late, first)
        await other.stop()
        return kept_while_held and is_free, lost

    assert asyncio.run(run()) == (True, True)


def _answer_late(claim: Claim) -> bool:
    try:
        return idempotent_answers.answer(claim, b"late")
    finally:
        connection.close()


@plain_and_streamed
def test_an_answer_that_is_too_large_is_not_asked_for_twice(
    offer: Offer,
    send: Send,
    upstream: Simulator,
    monkeypatch: pytest.MonkeyPatch,
    stream: bool,
) -> None:
    monkeypatch.setattr(recording, "MAX_BYTES", 100)
    offer("sim-chat")
    assert send(stream=stream).status_code == 200

    refused = send(stream=stream)

    assert code_of(refused) == (409, "idempotency_conflict")
    assert "too large" in refused.json()["error"]["message"]
    assert refused.headers["x-should-retry"] == "false"
    assert len(upstream.calls) == 1


def test_memory_for_answers_that_are_not_stored_yet_is_bounded(
    offer: Offer,
    live: LiveGateway,
    send: Send,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(register, "_MAX_WAITING_BYTES", 100)
    offer("sim-chat")

    for stream in (False, True):
        key = f"order-{stream}"
        assert send(key, stream=stream).status_code == 200
        assert code_of(send(key, stream=stream)) == (409, "idempotency_conflict")
    assert live.gateway.idempotency._waiting_bytes == 0


@plain_and_streamed
def test_without_the_table_a_key_is_refused_and_other_requests_are_not(
    offer: Offer,
    http: httpx.Client,
    send: Send,
    upstream: Simulator,
    stream: bool,
) -> None:
    offer("sim-chat")
    with locked_table():
        refused = send(stream=stream)
        other = http.post(PATH, json={"model": "fast", "messages": HELLO})

    assert code_of(refused) == (503, "overloaded")
    assert refused.headers["retry-after"] == "2"
    assert other.status_code == 200
    assert len(upstream.calls) == 1


def test_an_answer_is_given_although_it_cannot_be_stored_in_time(
    offer: Offer, live: LiveGateway, send: Send, upstream: Simulator
) -> None:
    offer("sim-chat-latency-300")
    replies: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: replies.append(send()))
    asking.start()
    wait_until(is_claimed)
    with locked_table():
        asking.join()

    live.settled()
    assert not is_replay(replies[0])
    assert is_replay(send())
    assert len(upstream.calls) == 1


@contextmanager
def locked_table() -> Iterator[None]:
    """Let nobody else use the table for a while."""
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("LOCK TABLE usage_idempotentanswer")
        yield
        other.rollback()
    finally:
        other.close()
