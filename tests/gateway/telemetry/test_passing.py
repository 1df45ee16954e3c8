"""A trace of the caller goes on to the provider where nobody is told of it here."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from gateway.simulator import Simulator
from gateway.telemetry.passing import passed_trace
from tenants.models import Project
from tests.gateway.asking import ask
from tests.gateway.conftest import Offer
from tests.gateway.live import LiveGateway

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def test_a_trace_reaches_the_provider_as_it_came(
    http: httpx.Client,
    live: LiveGateway,
    offer: Offer,
    upstream: Simulator,
    project: Project,
) -> None:
    offer("sim-chat")
    http.headers.update({"traceparent": PARENT, "tracestate": "vendor=1"})

    ask(http, stream=False)

    heard = upstream.calls[-1].headers
    assert (heard["traceparent"], heard["tracestate"]) == (PARENT, "vendor=1")
    (event,) = live.events(project)
    assert event.routing["trace"] == TRACE


def test_a_request_without_a_trace_gets_none(
    http: httpx.Client, offer: Offer, upstream: Simulator
) -> None:
    offer("sim-chat")

    ask(http, stream=False)

    assert "traceparent" not in upstream.calls[-1].headers


@pytest.mark.parametrize(
    "parent",
    [
        "",
        "00-1",
        f"00-{TRACE}-b7ad6b7169203331",
        f"ff-{TRACE}-b7ad6b7169203331-01",
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-b7ad6b7169203331-01",
        f"{PARENT}\r\nx-other: 1",
    ],
)
def test_what_is_no_trace_goes_nowhere(parent: str) -> None:
    assert passed_trace({b"traceparent": parent.encode()}) is None


def test_a_state_that_is_too_long_is_left_out() -> None:
    trace = passed_trace(
        {b"traceparent": PARENT.encode(), b"tracestate": b"a=" + b"1" * 600}
    )

    assert trace is not None
    assert trace.head == b"traceparent: %b\r\n" % PARENT.encode()


def test_the_exporter_is_not_even_imported_without_a_collector() -> None:
    checkout = Path(__file__).parents[3]
    script = (
        "import os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'config.settings_test'\n"
        "import config.asgi, gateway.opening, gateway.telemetry.starting\n"
        "assert gateway.telemetry.starting.start_telemetry() is None\n"
        "assert not [name for name in sys.modules if 'opentelemetry.exporter' in name]"
    )

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
