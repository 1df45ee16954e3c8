"""A request that carries a key is answered once, however often it is sent (C10)."""

import datetime
from typing import Any

import httpx
import pytest
import redis
from django.conf import settings
from django.utils import timezone

from gateway.simulator import Simulator
from tenants.models import ApiKey, Project
from tests.factories import LimitFactory
from tests.gateway.asking import HELLO, PATH, plain_and_streamed
from tests.gateway.idempotency.conftest import Send, code_of, is_replay
from tests.gateway.live import LiveGateway
from usage.models import IdempotentAnswer

pytestmark = pytest.mark.usefixtures("fast")

# Headers that belong to one sending of the request alone.
PASSING = {
    "x-request-id",
    "x-signalbox-attempts",
    "x-signalbox-cache",
    "x-signalbox-cost-usd",
    "x-signalbox-overhead-ms",
    "idempotent-replayed",
}


def lasting(reply: httpx.Response) -> dict[str, str]:
    return {n: v for n, v in reply.headers.items() if n not in PASSING}


@plain_and_streamed
def test_the_same_request_is_given_the_same_answer(
    send: Send, upstream: Simulator, stream: bool
) -> None:
    first, second, third = (send(stream=stream, temperature=0.9) for _ in range(3))

    assert [is_replay(reply) for reply in (first, second, third)] == [0, 1, 1]
    assert first.content == second.content == third.content
    assert len(upstream.calls) == 1
    assert lasting(second) == lasting(first)
    assert second.headers["x-request-id"] != first.headers["x-request-id"]
    assert second.headers["x-signalbox-attempts"] == "0"
    assert second.headers["x-signalbox-cache"] == "hit"
    assert second.headers.get("x-signalbox-cost-usd") == (None if stream else "0")


@plain_and_streamed
def test_it_is_billed_once_and_metered_as_known(
    send: Send, live: LiveGateway, project: Project, stream: bool
) -> None:
    first, second = send(stream=stream), send(stream=stream)

    attempt, replay = live.events(project)

    assert attempt.kind == "attempt"
    assert attempt.cost_usd
    assert (replay.kind, replay.cache, replay.status) == ("cache_hit", "hit", "ok")
    assert replay.cost_usd == 0
    assert replay.saved_usd == attempt.cost_usd
    assert (replay.input_tokens, replay.output_tokens) == (0, 0)
    assert (replay.attempt, replay.streamed) == (0, stream)
    assert (replay.provider, replay.model) == (attempt.provider, attempt.model)
    assert str(replay.request_id) == second.headers["x-request-id"]
    assert replay.routing == {"replay_of": first.headers["x-request-id"]}


@pytest.mark.parametrize(
    "changed",
    [
        {"temperature": 0.5},
        {"stream": True},
        {"model": "sim/sim-chat"},
        {"messages": [{"role": "user", "content": "Hello here"}]},
        {"user": "u-1"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_another_request_under_the_same_key_is_refused(
    send: Send, upstream: Simulator, changed: dict[str, Any]
) -> None:
    first = send()

    refused = send(**changed)

    assert code_of(refused) == (422, "idempotency_key_reused")
    assert len(upstream.calls) == 1
    assert send().content == first.content


def test_one_end_users_answer_is_not_given_to_another(
    http: httpx.Client, upstream: Simulator
) -> None:
    body = {"model": "fast", "messages": HELLO}
    one, other, again = (
        http.post(
            PATH,
            json=body,
            headers={"idempotency-key": "order-1", "x-signalbox-user": user},
        )
        for user in ("u-1", "u-2", "u-1")
    )

    assert code_of(other) == (422, "idempotency_key_reused")
    assert is_replay(again)
    assert again.content == one.content
    assert len(upstream.calls) == 1


def test_keys_projects_and_routes_have_answers_of_their_own(
    send: Send,
    http: httpx.Client,
    upstream: Simulator,
    other_project: Project,
    live: LiveGateway,
) -> None:
    """K1: nobody gets what another project was answered."""
    send("one")
    assert not is_replay(send("two"))
    _, other = ApiKey.issue(other_project, "test")
    headers = {"authorization": f"Bearer {other}", "idempotency-key": "one"}
    body = {"model": "fast", "messages": HELLO}
    assert not is_replay(http.post(PATH, json=body, headers=headers))
    assert not is_replay(http.post(f"/openai{PATH}", json=body, headers=headers))
    assert len(upstream.calls) == 4


def test_without_a_key_nothing_is_looked_up_or_kept(
    http: httpx.Client, upstream: Simulator
) -> None:
    body = {"model": "fast", "messages": HELLO}

    assert not any(is_replay(http.post(PATH, json=body)) for _ in range(2))
    assert len(upstream.calls) == 2
    assert not IdempotentAnswer.objects.exists()


@pytest.mark.parametrize("sent", [b"", b"a b", b"\xe4", b"x" * 256, b"a\tb"])
def test_a_key_that_makes_no_sense_is_refused(http: httpx.Client, sent: bytes) -> None:
    body = {"model": "fast", "messages": HELLO}

    reply = http.post(PATH, json=body, headers=[(b"idempotency-key", sent)])

    assert code_of(reply) == (400, "invalid_request")
    assert reply.json()["error"]["param"] == "idempotency-key"


def test_two_keys_are_refused(http: httpx.Client) -> None:
    headers = [("idempotency-key", "one"), ("idempotency-key", "two")]
    body = {"model": "fast", "messages": HELLO}

    assert code_of(http.post(PATH, json=body, headers=headers))[0] == 400


def test_a_key_may_be_long(send: Send) -> None:
    key = "~!" + "k" * 253

    assert [is_replay(send(key)) for _ in range(2)] == [False, True]


def test_it_is_known_in_another_process_and_when_redis_forgets(
    send: Send, neighbour: LiveGateway, upstream: Simulator
) -> None:
    neighbour.caught_up()
    first = send()
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushdb()

    second = send(url=neighbour.url)

    assert is_replay(second)
    assert second.content == first.content
    assert len(upstream.calls) == 1


def test_it_is_kept_for_a_day_and_then_forgotten(
    send: Send, upstream: Simulator
) -> None:
    send()
    answer = IdempotentAnswer.objects.get()
    assert answer.expires_at >= timezone.now() + datetime.timedelta(hours=23.9)

    IdempotentAnswer.objects.update(expires_at=timezone.now())

    assert not is_replay(send(temperature=0.5))
    assert len(upstream.calls) == 2


def test_what_is_kept_is_sealed_and_tells_nothing(send: Send, project: Project) -> None:
    """K6: neither the key nor what was asked and answered can be read in the table."""
    reply = send("my-secret-order")
    said = reply.json()["choices"][0]["message"]["content"]

    row = IdempotentAnswer.objects.for_project(project).values().get()

    shown = str({**row, "sealed": bytes(row["sealed"])})
    for secret in ("my-secret-order", said, HELLO[0]["content"]):
        assert secret not in shown


def test_an_answer_that_was_tampered_with_is_not_given(send: Send) -> None:
    send()
    row = IdempotentAnswer.objects.get()
    sealed = bytes(row.sealed or b"")
    row.sealed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    row.save()

    reply = send()

    assert code_of(reply) == (409, "idempotency_conflict")
    assert reply.headers["x-should-retry"] == "false"


def test_a_limit_counts_what_is_given_again(
    send: Send, live: LiveGateway, project: Project
) -> None:
    LimitFactory.create(project=project, metric="requests", amount=2, per="hour")
    live.caught_up()

    replies = [send() for _ in range(3)]

    assert [reply.status_code for reply in replies] == [200, 200, 429]
    assert replies[1].headers["x-ratelimit-remaining-requests"] == "0"


def test_a_revoked_key_and_a_narrow_one_get_nothing(
    http: httpx.Client, project: Project, live: LiveGateway, send: Send
) -> None:
    send()
    _, narrow = ApiKey.issue(project, "narrow", scopes=["embeddings"])
    headers = {"authorization": f"Bearer {narrow}", "idempotency-key": "order-1"}
    body = {"model": "fast", "messages": HELLO}
    assert http.post(PATH, json=body, headers=headers).status_code == 403

    ApiKey.objects.for_project(project).get(name="test").revoke()
    live.caught_up()

    assert send().status_code == 401


def test_a_known_answer_of_the_cache_is_given_again_too(
    send: Send, project: Project, live: LiveGateway, http: httpx.Client
) -> None:
    project.cache = {"enabled": True}
    project.save()
    live.caught_up()
    http.post(PATH, json={"model": "fast", "messages": HELLO})

    first, second = send(), send()

    assert first.headers["x-signalbox-cache"] == "hit"
    assert (is_replay(first), is_replay(second)) == (False, True)
    saved = [event.saved_usd for event in live.events(project)]
    assert saved[1] == saved[2] is not None
