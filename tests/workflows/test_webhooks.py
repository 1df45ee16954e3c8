"""The webhook action: signed, guarded, bounded, repeated under the same id."""

import gzip
import http.server
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.test import override_settings
from standardwebhooks import Webhook

from tests.workflows.conftest import Run, steps_of


class Receiver(http.server.ThreadingHTTPServer):
    """Keeps what it is told; `statuses` says what it answers, the last for ever."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.heard: list[tuple[dict[str, str], bytes]] = []
        self.statuses = [200]
        self.answer = b'{"got": "it"}'

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.heard.append((headers, body))
        statuses = self.server.statuses
        self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
        self.send_header("content-type", "application/json")
        self.send_header("location", "http://127.0.0.1:1/elsewhere")
        answer = self.server.answer
        if "gzip" in headers.get("accept-encoding", ""):
            # As most servers do when they may.
            answer = gzip.compress(answer)
            self.send_header("content-encoding", "gzip")
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        with override_settings(WEBHOOK_PRIVATE_ADDRESSES=True):
            yield server
        server.shutdown()
        thread.join()


def hook(url: str, **fields: Any) -> dict[str, Any]:
    step_fields: dict[str, Any] = {
        n: fields.pop(n) for n in ("retry", "onFailure") if n in fields
    }
    return {
        "id": "tell",
        "action": "webhook",
        "input": {"url": url, **fields},
        **step_fields,
    }


def test_a_webhook_is_signed_with_the_projects_secret_and_its_answer_is_the_output(
    run: Run, http: httpx.Client, receiver: Receiver
) -> None:
    found = run(hook(receiver.url, payload={"a": "{{input.a}}"}), input={"a": 1})

    secret = http.get("/api/workflows/signing-secret").json()["secret"]
    (headers, body) = receiver.heard[0]
    assert found["status"] == "completed", found
    assert steps_of(found)["tell"]["output"] == {"status": 200, "body": {"got": "it"}}
    assert Webhook(secret).verify(body, headers) == {"a": 1}
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(secret).verify(body + b" ", headers)


def test_a_secret_of_its_own_signs_as_well(run: Run, receiver: Receiver) -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

    run(
        hook(receiver.url, payload=1, secret="{{input.secret}}"),
        input={"secret": secret},
    )

    (headers, body) = receiver.heard[0]
    assert Webhook(secret).verify(body, headers) == 1


def test_it_is_repeated_under_the_same_id(run: Run, receiver: Receiver) -> None:
    receiver.statuses = [500, 503, 200]

    found = run(hook(receiver.url, payload=1, retry={"maxAttempts": 3, "delayMs": 1}))

    assert found["status"] == "completed", found
    ids = [headers["webhook-id"] for headers, _ in receiver.heard]
    assert len(ids) == 3
    assert len(set(ids)) == 1


@pytest.mark.parametrize("status", [302, 400, 404])
def test_a_refusal_is_not_repeated_and_no_redirect_followed(
    run: Run, receiver: Receiver, status: int
) -> None:
    receiver.statuses = [status]

    found = run(hook(receiver.url, payload=1, retry={"maxAttempts": 3, "delayMs": 1}))

    assert found["error"]["code"] == "webhook_failed"
    assert len(receiver.heard) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "http://[::1]:{port}/",
        "http://0.0.0.0:{port}/",
        "http://2130706433:{port}/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "no address",
    ],
)
def test_private_addresses_are_not_reached(
    run: Run, receiver: Receiver, url: str
) -> None:
    with override_settings(WEBHOOK_PRIVATE_ADDRESSES=False):
        found = run(hook(url.format(port=receiver.server_port), payload=1))

    assert found["status"] == "failed"
    assert found["error"]["code"] == "webhook_failed"
    assert receiver.heard == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"secret": "{{input.empty}}"}, "invalid_input"),
        ({"secret": "whsec_"}, "invalid_input"),
        ({"headers": {"webhook-id": "mine"}}, "invalid_input"),
        ({"headers": {"x": "a\r\nb: c"}}, "invalid_input"),
        ({"payload": "{{input.long}}"}, "payload_too_large"),
    ],
)
def test_what_cannot_be_sent_is_refused(
    run: Run, receiver: Receiver, fields: dict[str, Any], code: str
) -> None:
    found = run(
        hook(receiver.url, **fields), input={"empty": "", "long": "x" * 300_000}
    )

    assert found["error"]["code"] == code
    assert receiver.heard == []


def test_a_long_answer_is_refused(run: Run, receiver: Receiver) -> None:
    receiver.answer = b"x" * 300_000

    found = run(hook(receiver.url, payload=1))

    assert found["error"]["code"] == "output_too_large"
