"""Providers whose certificates are good, and others that only look so."""

import ssl
from pathlib import Path

import aiohttp.connector
import httpx
import pytest

from tests.factories import (
    AIModelFactory,
    EndpointFactory,
    PriceFactory,
    ProviderFactory,
)
from tests.faults.asking import ask, code_of
from tests.faults.certificates import Authority, tls_server
from tests.faults.raw_upstream import whole
from tests.gateway.live import LiveGateway

ANSWER = whole(
    b'{"choices":[{"index":0,"message":{"role":"assistant","content":"Hello"},'
    b'"finish_reason":"stop"}]}'
)


def test_a_certificate_that_is_not_good_is_never_trusted_u4(
    live: LiveGateway,
    http: httpx.Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    authority = Authority(tmp_path)
    (tmp_path / "other").mkdir()
    stranger = Authority(tmp_path / "other")
    trusting = ssl.create_default_context(cafile=str(authority.file))
    monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", trusting)
    certificates = {
        "good": authority.certificate("localhost"),
        "expired": authority.certificate("localhost", days=-2),
        "wrong-name": authority.certificate("elsewhere.example"),
        "of-a-stranger": stranger.certificate("localhost"),
    }
    told = {}

    for name, certificate in certificates.items():
        with tls_server(certificate, ANSWER) as url:
            provider = ProviderFactory.create(
                slug=name, base_url=url, auth="none", allow_private_addresses=True
            )
            EndpointFactory.create(provider=provider)
            model = AIModelFactory.create(provider=provider, model_id="m")
            for component in ("input", "output"):
                PriceFactory.create(model=model, component=component)
            live.caught_up()
            response = ask(http, f"{name}/m")
        told[name] = response.status_code, response.is_error and code_of(response)

    refused = (502, "upstream_tls")
    assert told == {
        "good": (200, False),
        "expired": refused,
        "wrong-name": refused,
        "of-a-stranger": refused,
    }
