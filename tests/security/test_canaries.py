"""What is secret stands nowhere in clear (S1): not in a log, table, broker or page.

The real stack is asked in every way, its providers say everything that they were told
back to it, and logs are as wordy as they get. Then all that is left is looked through.
"""

import base64
import http.server
import io
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

import httpx
import pytest
import redis
from django.conf import settings
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.urls import NoReverseMatch, reverse
from kombu import pools

from catalog.models import Credential, Provider
from config.celery import app as celery
from config.logs import line_formatter
from tenants.models import ApiKey, ContextScope, Project
from tests.factories import (
    AIModelFactory,
    AliasFactory,
    AliasTargetFactory,
    EndpointFactory,
    PriceFactory,
    ProviderFactory,
)
from tests.gateway.conftest import (  # noqa: F401
    Offer,
    live,
    offer,
    project,
    provider,
    running_gateway,
    running_upstream,
    upstream,
)
from tests.gateway.live import LiveGateway, wait_until
from tests.workflows.conftest import (  # noqa: F401
    caught_up,
    generate,
    running_workshop,
    workshop,
)
from usage.models import Delivery, Notification, NotificationChannel
from usage.tasks import clear_expired_answers, deliver_notifications, roll_up
from workflows.engine import own_workshop
from workflows.engine.workshop import Workshop

pytestmark = pytest.mark.system

PROMPT = "canary-of-the-prompt-7f3a9c51"
ANSWER = "canary-of-the-answer-0d55e2b8"
CONTEXT = "canary-of-the-context-5e1c77d9"
# Users of whom a context is kept.
USERS = 1_000
CREDENTIAL = "sk-canary-of-the-credential-4b8e2d11aa"
HOOK_SECRET = base64.b64encode(b"canary-of-the-webhook-secret-32b").decode()
CHAT_PATH = "services/canary-of-the-chat-9e1f"
# What the provider does, by the model that is asked for.
BEHAVIOURS = (
    "ok",
    "echo-400",
    "echo-401",
    "echo-404",
    "echo-429",
    "echo-500",
    "page-502",
    "redirect",
    "no-json",
    "no-choices",
    "cut",
    "drop",
    "stream-error",
)


class Gossip(http.server.ThreadingHTTPServer):
    """A provider that repeats every header and the whole body in whatever it says."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.heard: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Gossip

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        told = f"{self.path} {self.headers} {body.decode('utf-8', 'replace')}"
        self.server.heard.append(told)
        try:
            wanted = str(json.loads(body).get("model", ""))
        except ValueError:
            wanted = ""
        kind, _, status = wanted.partition("-")
        error = {"error": {"message": told, "type": told, "code": told, "param": told}}
        match kind:
            case "echo":
                self._say(int(status), json.dumps(error))
            case "page":
                self._say(int(status), f"<html>{told}</html>", "text/html")
            case "redirect":
                self._say(307, "", location=f"{self.server.url}/{quote(told)}")
            case "no":
                self._say(200, told if status == "json" else json.dumps({"x": told}))
            case "cut":
                self._say(200, json.dumps({"x": told}), length=10**6)
            case "stream":
                self._say(200, f"data: {json.dumps(error)}\n\n", "text/event-stream")
            case "ok":
                self._say(200, json.dumps(_answer(wanted)))
            case "drop":
                pass
            case _:
                self._say(500, told)
        self.close_connection = True

    def _say(
        self,
        status: int,
        text: str,
        kind: str = "application/json",
        *,
        length: int | None = None,
        location: str = "",
    ) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(length or len(data)))
        if location:
            self.send_header("location", location)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        pass


def _answer(model: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": ANSWER}
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }


@pytest.fixture
def gossip() -> Iterator[Gossip]:
    with Gossip() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that any logger says, at its wordiest, as it is written in production."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(line_formatter())
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    for name in ("aiohttp", "asyncio", "celery", "django", "httpcore", "uvicorn"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield text
    root.removeHandler(handler)
    root.setLevel(before)
    for name in ("aiohttp", "asyncio", "celery", "django", "httpcore", "uvicorn"):
        logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.fixture
def key(project: Project) -> str:  # noqa: F811
    return ApiKey.issue(project, "canary")[1]


@pytest.fixture
def providers(
    gossip: Gossip,
    project: Project,  # noqa: F811
    live: LiveGateway,  # noqa: F811
) -> None:
    """A provider for each behaviour, so that a refused credential stops no other one."""
    for number, kind in enumerate(BEHAVIOURS):
        made = ProviderFactory.create(
            slug=f"gossip-{kind}",
            base_url=gossip.url,
            allow_private_addresses=True,
            auth=("bearer", "header:x-key", "query:key")[number % 3],
            total_timeout_s=5,
        )
        EndpointFactory.create(provider=made)
        credential = Credential(provider=made, project=project if number % 2 else None)
        credential.put(CREDENTIAL)
        credential.save()
        model = AIModelFactory.create(provider=made, model_id=kind)
        for component in ("input", "output"):
            PriceFactory.create(model=model, component=component)
        alias = AliasFactory.create(name=kind)
        AliasTargetFactory.create(alias=alias, model=model)
    live.caught_up()


def _channels(project: Project, gossip: Gossip) -> None:  # noqa: F811
    hook = NotificationChannel(
        project=project,
        organization=project.organization,
        name="hook",
        kind="webhook",
        address=f"{gossip.url}/hook",
    )
    hook.put_secret(HOOK_SECRET)
    hook.save()
    NotificationChannel.objects.create(
        project=project,
        organization=project.organization,
        name="chat",
        kind="slack",
        address=f"{gossip.url}/{CHAT_PATH}",
    )
    NotificationChannel.objects.create(
        organization=project.organization,
        name="broken chat",
        kind="slack",
        address=f"http://127.0.0.1:1/{CHAT_PATH}",
    )


def _body(model: str, **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": PROMPT}], **more}


def _ask_everything(live: LiveGateway, key: str) -> list[str]:  # noqa: F811
    """Return what clients were told."""
    told = []
    headers = {"authorization": f"Bearer {key}", "x-signalbox-user": "somebody"}
    with httpx.Client(base_url=live.url, headers=headers, timeout=20) as client:

        def post(path: str, body: Any, **more: str) -> None:
            answer = client.post(path, json=body, headers=more)
            told.append(f"{answer.headers} {answer.text}")

        for kind in BEHAVIOURS:
            for stream in (False, True):
                post("/v1/chat/completions", _body(kind, stream=stream))
        post("/v1/chat/completions", _body("ok", temperature=0))
        post("/v1/chat/completions", _body("ok", temperature=0))
        post("/v1/chat/completions", _body("ok"), **{"idempotency-key": "once"})
        post("/v1/chat/completions", _body("ok"), **{"idempotency-key": "once"})
        message = {"role": "user", "content": PROMPT}
        post(
            "/v1/messages",
            {"model": "echo-500", "max_tokens": 5, "messages": [message]},
        )
        post("/v1/responses", {"model": "echo-400", "input": PROMPT})
        post("/v1/embeddings", {"model": "ok", "input": PROMPT})
        post("/v1/chat/completions", _body("nowhere"))
        post("/v1/chat/completions", _body("ok", max_tokens=10**9))
        post("/v1/chat/completions", {"model": "ok", "messages": PROMPT})
        told.append(client.post("/v1/chat/completions", content=PROMPT).text)
        told.append(client.get(f"/v1/{PROMPT}").text)
        told.append(client.get("/api/providers").text)
        told.append(httpx.get(f"{live.url}/v1/models?key={key}").text)
        bad = {"authorization": f"Bearer {key[:-1]}x"}
        told.append(httpx.get(f"{live.url}/v1/models", headers=bad).text)
    return told


def _ask_with_contexts(live: LiveGateway, key: str, project: Project) -> list[str]:  # noqa: F811
    """Keep something of many users, have it told, and return what clients were told."""
    # What is written is to be embedded, so that a message stays with the broker.
    ContextScope.objects.create(project=project, name="alike", selection="similar")
    told = []
    headers = {"authorization": f"Bearer {key}"}
    with httpx.Client(base_url=live.url, headers=headers, timeout=60) as client:
        for start in range(0, USERS, 500):
            entries = [
                {
                    "userId": f"user-{n}",
                    "kind": "feels",
                    "content": {"text": f"{CONTEXT} {n}"},
                }
                for n in range(start, start + 500)
            ]
            with unpooled_broker():
                answer = client.post("/api/context/entries", json={"entries": entries})
            assert answer.status_code == 200, answer.text
        live.caught_up()
        for n in range(6):
            answer = client.post("/api/context/preview", json={"userId": f"user-{n}"})
            assert CONTEXT in answer.text
            for kind in ("ok", *BEHAVIOURS):
                answer = client.post(
                    "/v1/chat/completions",
                    json=_body(kind, stream=n % 2 == 0, temperature=0),
                    headers={
                        "x-signalbox-user": f"user-{n}",
                        "x-signalbox-context": ("standard", "alike")[n % 2],
                    },
                )
                told.append(f"{answer.headers} {answer.text}")
        mistaken = {"entries": [{"userId": CONTEXT, "kind": CONTEXT, CONTEXT: 1}] * 2}
        client.post("/api/context/entries", json=mistaken)
        told.append(client.delete("/api/context/users/user-0").text)
    return told


def _run_workflows(live: LiveGateway, key: str, gossip: Gossip) -> None:  # noqa: F811
    steps = [
        generate("good", PROMPT, model="ok"),
        generate("bad", PROMPT, model="echo-500", dependsOn=["good"]),
    ]
    called = {
        "id": "hook",
        "action": "webhook",
        "input": {
            "url": f"{gossip.url}/hook",
            "payload": {"text": PROMPT},
            "secret": f"whsec_{HOOK_SECRET}",
        },
    }
    headers = {"authorization": f"Bearer {key}"}
    with httpx.Client(base_url=live.url, headers=headers, timeout=40) as client:
        for each in (steps, [called]):
            body = {"workflow": {"name": "canary", "steps": each}, "wait": True}
            answer = client.post("/api/workflows/run", json=body)
            assert answer.status_code in {200, 202}, answer.text
        # Without a worker it stays with the broker.
        with patch.object(own_workshop, "_workshop", None), unpooled_broker():
            body = {"workflow": {"name": "left", "steps": steps[:1]}, "wait": False}
            assert client.post("/api/workflows/run", json=body).status_code == 202


@contextmanager
def unpooled_broker() -> Iterator[None]:
    """Keep no connection to the broker open."""
    limit = celery.conf.broker_pool_limit
    _close_pools()
    celery.conf.broker_pool_limit = 0
    yield
    celery.conf.broker_pool_limit = limit
    _close_pools()


def _close_pools() -> None:
    celery.close()
    pools.reset()
    # Celery keeps the closed one otherwise.
    vars(celery.amqp)["_producer_pool"] = None


def _forms(secret: str) -> set[str]:
    """Return the ways in which the text could be written."""
    data = secret.encode()
    forms = {secret, data.hex(), quote(secret, safe="")}
    # In base64 wherever it begins: the characters at the ends depend on neighbours.
    for shift in range(3):
        encoded = base64.b64encode(b"x" * shift + data).decode().rstrip("=")
        forms.add(encoded[4 if shift else 0 : -2])
    return forms


def _found(secrets: dict[str, str], text: str, where: str) -> list[str]:
    return [
        f"{name} in {where}: …{text[max(0, text.index(form) - 150) :][:300]}…"
        for name, secret in secrets.items()
        for form in _forms(secret)
        if form in text
    ]


def _tables() -> Iterator[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            yield table, "\n".join(row[0] for row in cursor.fetchall())


def _redis_values() -> Iterator[tuple[str, str]]:
    client = redis.Redis.from_url(settings.REDIS_URL)
    readers: dict[bytes, Any] = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"list": lambda name: client.lrange(name, 0, -1),
        b"set": client.smembers,
        b"zset": lambda name: client.zrange(name, 0, -1),
        b"stream": client.xrange,
    }
    for name in client.scan_iter():
        yield repr(name), f"{name!r} {readers[client.type(name)](name)!r}"
    client.close()


def _files(*folders: Path) -> Iterator[tuple[str, str]]:
    for folder in folders:
        for path in folder.rglob("*") if folder.exists() else ():
            if path.is_file():
                yield str(path), path.read_bytes().decode("latin-1")


def _pages(client: Client) -> Iterator[tuple[str, str]]:
    """Yield every list, and the pages of its newest rows."""
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        try:
            addresses = [reverse(f"{name}_changelist")]
        except NoReverseMatch:
            continue
        # The pages of kept texts are there to show these, to owners alone, and say so;
        # the audit has no rows of its own.
        if model._meta.label_lower not in {"usage.capturedtext", "pghistory.events"}:
            for row in model._base_manager.order_by("-pk")[:4]:
                addresses.append(reverse(f"{name}_change", args=[row.pk]))
                addresses.append(reverse(f"{name}_history", args=[row.pk]))
        for address in addresses:
            yield address, client.get(address, follow=True).content.decode()


def test_no_secret_stands_anywhere_in_clear(
    gossip: Gossip,
    providers: None,
    live: LiveGateway,  # noqa: F811
    workshop: Workshop,  # noqa: F811
    project: Project,  # noqa: F811
    key: str,
    log: io.StringIO,
    admin_client: Client,
    settings: Any,
) -> None:
    settings.WEBHOOK_PRIVATE_ADDRESSES = True
    _channels(project, gossip)
    caught_up(workshop)

    told = _ask_everything(live, key)
    project.capture = True
    project.cache = {"enabled": True, "ttl_s": 600}
    project.auto_approve_threshold_usd = "0.000001"
    project.save()
    live.caught_up()
    told += _ask_everything(live, key)
    project.auto_approve_threshold_usd = None
    project.save()
    live.caught_up()
    caught_up(workshop)
    told += _ask_everything(live, key)
    project.cache = {"enabled": True, "ttl_s": 600, "context": True}
    project.save()
    live.caught_up()
    told += _ask_with_contexts(live, key, project)
    _run_workflows(live, key, gossip)
    Credential.objects.filter(project=project).update(active=False)
    Notification.objects.create(topic="usage", project=project, once="x", title="Look")
    live.settled()
    wait_until(lambda: not live.gateway.captures.waiting)
    for task in (roll_up, deliver_notifications, clear_expired_answers):
        task.apply(throw=True)
    metrics = httpx.get(f"{live.url}/metrics").text
    pages = list(_pages(admin_client))

    # What was sent did contain them: the search finds what is there.
    heard = "".join(gossip.heard)
    for secret in (PROMPT, CREDENTIAL, CONTEXT):
        assert secret in heard
    assert any(ANSWER in text for text in told)
    assert any("approval_required" in text for text in told)
    assert CHAT_PATH in heard or not Delivery.objects.exists()
    secrets = {
        "prompt": PROMPT,
        "answer": ANSWER,
        "context": CONTEXT,
        "credential": CREDENTIAL,
        "key": key,
        "webhook secret": HOOK_SECRET,
        "chat address": CHAT_PATH,
        "key-encryption key": base64.b64encode(
            next(iter(settings.SIGNALBOX_KEKS.values()))
        ).decode(),
    }
    ours = {
        k: v for k, v in secrets.items() if k not in {"prompt", "answer", "context"}
    }
    found = _found(secrets, log.getvalue(), "the log")
    found += _found(secrets, metrics, "the metrics")
    for where, text in (*_tables(), *_redis_values(), *pages):
        found += _found(secrets, text, where)
    for where, text in _files(live.folder, Path(settings.METRICS_DIR)):
        found += _found(secrets, text, where)
    for text in told:
        found += _found(ours, text, "an answer")
    assert not found, "\n".join(found)
    assert Provider.objects.count() == len(BEHAVIOURS)
