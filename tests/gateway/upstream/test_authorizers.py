"""Signatures and access tokens: made for the call, or fetched once for many."""

import asyncio
import base64
import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from catalog.models import Credential
from catalog.patterns import build_path
from gateway.configuration.records import CredentialRecord, ProviderRecord
from gateway.upstream import authorizers
from gateway.upstream.authorizers import Authorizer, authorizer_for
from gateway.upstream.aws_signing import region_of
from gateway.upstream.errors import (
    UpstreamAccountError,
    UpstreamError,
    UpstreamUnreachable,
)
from tenants.encryption import Secret
from tests.factories import (
    AIModelFactory,
    CredentialFactory,
    EndpointFactory,
    PriceFactory,
    ProviderFactory,
)
from tests.gateway.live import LiveGateway
from tests.gateway.records import PROVIDER
from tests.gateway.scripted_upstream import ScriptedUpstream
from tests.gateway.signatures import KEYS, is_signed

HOST = "https://bedrock-runtime.eu-central-1.amazonaws.com"
JSON_TYPE = b"application/json"


def provider(auth: str, **changes: Any) -> ProviderRecord:
    return replace(PROVIDER, auth_kind=auth, **changes)


def signer(secret: str = json.dumps(KEYS), **changes: Any) -> Authorizer:
    found = authorizer_for(
        provider("aws_sigv4", **changes), CredentialRecord(1, Secret(secret))
    )
    assert found is not None
    return found


def asked(
    authorizer: Authorizer, url: str, body: bytes = b"{}", kind: bytes = JSON_TYPE
) -> bytes:
    address = URL(url, encoded=True)
    return asyncio.run(authorizer.headers("POST", address, body, kind))


def wire(url: str, headers: bytes, body: bytes) -> bytes:
    """Return the request as the transport would write it."""
    address = URL(url, encoded=True)
    return (
        (
            f"POST {address.raw_path_qs} HTTP/1.1\r\n"
            f"host: {address.host_port_subcomponent}\r\n"
            "content-type: application/json\r\n"
        ).encode()
        + headers
        + b"\r\n"
        + body
    )


@pytest.mark.parametrize("auth", ["bearer", "header", "query", "none"])
def test_nobody_signs_where_a_header_says_it_all(auth: str) -> None:
    assert authorizer_for(provider(auth), CredentialRecord(1, Secret("s"))) is None


@pytest.mark.parametrize("auth", ["aws_sigv4", "oauth_service_account"])
def test_nobody_signs_without_a_credential(auth: str) -> None:
    assert authorizer_for(provider(auth), None) is None
    assert authorizer_for(provider(auth), CredentialRecord(1, None)) is None


@pytest.mark.parametrize(
    "secret",
    [
        json.dumps(KEYS),
        f"{KEYS['access_key_id']}:{KEYS['secret_access_key']}:{KEYS['session_token']}",
    ],
)
def test_a_signature_is_the_one_of_botocore_and_of_the_documentation(
    secret: str,
) -> None:
    path = build_path("/model/{model}/converse", model="us.anthropic.claude-v1:0")
    url = f"{HOST}{path}?b=2&a=1"
    body = b'{"messages":[]}'

    headers = asked(signer(secret), url, body)

    assert is_signed(wire(url, headers, body), region="eu-central-1")
    lines = dict(line.split(b": ", 1) for line in headers.split(b"\r\n") if line)
    moment = datetime.fromisoformat(lines[b"x-amz-date"].decode())
    with patch("botocore.auth.get_current_datetime", lambda: moment):
        reference = AWSRequest(
            "POST", url, data=body, headers={"Content-Type": "application/json"}
        )
        keys = Credentials(
            KEYS["access_key_id"], KEYS["secret_access_key"], KEYS["session_token"]
        )
        SigV4Auth(keys, "bedrock", "eu-central-1").add_auth(reference)
    assert lines[b"authorization"].decode() == reference.headers["Authorization"]
    assert abs((moment - datetime.now(UTC)).total_seconds()) < 60


@given(model=st.text(min_size=1, max_size=80), body=st.binary(max_size=200))
def test_a_signature_holds_for_any_model_id(model: str, body: bytes) -> None:
    try:
        path = build_path("/model/{model}/converse", model=model)
    except UnicodeEncodeError:
        # Lone surrogates, which no database would have given us.
        return
    if model in {".", ".."}:
        return
    url = f"{HOST}{path}"

    headers = asked(signer(), url, body or b"{}")

    assert is_signed(wire(url, headers, body or b"{}"), region="eu-central-1")


def test_an_access_key_may_have_no_session_token() -> None:
    keys = {**KEYS, "session_token": ""}

    headers = asked(signer(json.dumps(keys)), f"{HOST}/model/a/converse")

    assert b"x-amz-security-token" not in headers
    assert b"SignedHeaders=content-type;host;x-amz-date," in headers


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("bedrock-runtime.us-east-1.amazonaws.com", "us-east-1"),
        ("bedrock-runtime-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("bedrock-runtime.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("vpce-1a.bedrock-runtime.ap-south-2.vpce.amazonaws.com", "ap-south-2"),
        ("bedrock-runtime.eu-west-3.api.aws", "eu-west-3"),
        ("127.0.0.1", ""),
        ("proxy.us-east-1.example.com", ""),
    ],
)
def test_the_region_stands_in_the_host(host: str, region: str) -> None:
    assert region_of(host) == region


def test_a_host_that_names_no_region_has_the_providers() -> None:
    url = "http://127.0.0.1:9000/model/a/converse"

    told = asked(signer(region="ap-northeast-1"), url)
    untold = asked(signer(region="eu"), url)

    assert b"/ap-northeast-1/bedrock/" in told
    assert b"/us-east-1/bedrock/" in untold


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "AKID",
        "AKID:",
        ":s",
        "{",
        "{}",
        "[]",
        '{"access_key_id":"a"}',
        '{"access_key_id":1,"secret_access_key":2}',
        "a:b\nc",
    ],
)
def test_what_is_no_access_key_is_told(secret: str) -> None:
    with pytest.raises(UpstreamAccountError, match="no access key"):
        asked(signer(secret), f"{HOST}/model/a/converse")


def test_the_standard_variables_make_a_credential(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    credential = Credential(env_name="AWS_ACCESS_KEY_ID")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    assert credential.reveal() is None
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS["access_key_id"])
    assert credential.reveal() is None
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEYS["secret_access_key"])
    monkeypatch.setenv("AWS_SESSION_TOKEN", KEYS["session_token"])
    secret = credential.reveal()

    assert secret is not None
    url = f"{HOST}/model/a/converse"
    headers = asked(signer(secret.reveal()), url)
    assert is_signed(wire(url, headers, b"{}"), region="eu-central-1")


# Service accounts


@pytest.fixture(scope="module")
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class TokenEndpoint:
    """Google's token endpoint: gives what it is told to, and keeps what it got."""

    url: str
    status: int = 200
    answer: dict[str, Any] = field(default_factory=dict)
    pause_s: float = 0.0
    forms: list[dict[str, list[str]]] = field(default_factory=list)

    def reply(self) -> tuple[int, bytes]:
        time.sleep(self.pause_s)
        token = {"access_token": f"ya29.token-{len(self.forms)}", "expires_in": 3599}
        return self.status, json.dumps({**token, **self.answer}).encode()


@pytest.fixture
def endpoint() -> Iterator[TokenEndpoint]:
    found: TokenEndpoint

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            found.forms.append(parse_qs(self.rfile.read(length).decode()))
            status, body = found.reply()
            self.send_response(status)
            self.send_header("location", "http://127.0.0.1:1/")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found = TokenEndpoint(f"http://127.0.0.1:{server.server_port}/token")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield found
        server.shutdown()
        thread.join(timeout=5)


@pytest.fixture(autouse=True)
def no_accounts() -> None:
    authorizers._accounts.clear()


def key_file(endpoint: TokenEndpoint, key: rsa.RSAPrivateKey, **changes: Any) -> str:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return json.dumps(
        {
            "type": "service_account",
            "client_email": "robot@project.iam.gserviceaccount.com",
            "private_key": pem.decode(),
            "private_key_id": "k1",
            "token_uri": endpoint.url,
            **changes,
        }
    )


Account = Callable[..., Authorizer]


@pytest.fixture
def account(endpoint: TokenEndpoint, private_key: rsa.RSAPrivateKey) -> Account:
    def make(*, allow_private: bool = True, **changes: Any) -> Authorizer:
        record = provider(
            "oauth_service_account", allow_private_addresses=allow_private
        )
        secret = Secret(key_file(endpoint, private_key, **changes))
        found = authorizer_for(record, CredentialRecord(1, secret))
        assert found is not None
        return found

    return make


def token_of(authorizer: Authorizer) -> bytes:
    return asked(authorizer, "https://aiplatform.googleapis.com/v1/x")


def test_a_token_is_asked_for_with_a_signed_claim(
    account: Account, endpoint: TokenEndpoint, private_key: rsa.RSAPrivateKey
) -> None:
    assert token_of(account()) == b"authorization: Bearer ya29.token-1\r\n"

    (form,) = endpoint.forms
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    head, claims, signature = form["assertion"][0].split(".")
    said = f"{head}.{claims}".encode()
    private_key.public_key().verify(decoded(signature), said, PKCS1v15(), SHA256())
    assert json.loads(decoded(head)) == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    told = json.loads(decoded(claims))
    assert told["iss"] == "robot@project.iam.gserviceaccount.com"
    assert told["aud"] == endpoint.url
    assert told["scope"] == "https://www.googleapis.com/auth/cloud-platform"
    assert told["exp"] - told["iat"] == 3600


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_a_token_is_kept_for_every_target_until_shortly_before_its_end(
    account: Account, endpoint: TokenEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = token_of(account())
    assert token_of(account()) == first
    clock = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: clock() + 3200)
    assert token_of(account()) == first
    monkeypatch.setattr(time, "monotonic", lambda: clock() + 3310)
    assert token_of(account()) != first
    assert len(endpoint.forms) == 2


def test_many_who_wait_for_a_token_ask_once(
    account: Account, endpoint: TokenEndpoint
) -> None:
    endpoint.pause_s = 0.1

    async def ask_together() -> list[Any]:
        one = account()
        url = URL("https://aiplatform.googleapis.com/v1/x")
        asking = [
            asyncio.create_task(one.headers("POST", url, b"", JSON_TYPE))
            for _ in range(20)
        ]
        await asyncio.sleep(0.03)
        # Who gives up takes nothing away from the others.
        asking[0].cancel()
        return await asyncio.gather(*asking, return_exceptions=True)

    first, *others = asyncio.run(ask_together())

    assert isinstance(first, asyncio.CancelledError)
    assert {*others} == {b"authorization: Bearer ya29.token-1\r\n"}
    assert len(endpoint.forms) == 1


def test_a_token_that_is_still_good_outlives_a_failing_endpoint(
    account: Account, endpoint: TokenEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = token_of(account())
    endpoint.status = 500
    clock = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: clock() + 3400)
    assert token_of(account()) == first
    assert token_of(account()) == first
    assert len(endpoint.forms) == 2
    monkeypatch.setattr(time, "monotonic", lambda: clock() + 3590)
    with pytest.raises(UpstreamUnreachable):
        token_of(account())


@pytest.mark.parametrize(
    ("status", "answer", "kind", "said"),
    [
        (400, {"error": "invalid_grant"}, UpstreamAccountError, "invalid_grant"),
        (401, {"error": "a\nb"}, UpstreamAccountError, "HTTP 401"),
        (503, {}, UpstreamUnreachable, "HTTP 503"),
        (307, {}, UpstreamUnreachable, "HTTP 307"),
        (200, {"access_token": None}, UpstreamAccountError, "without a token"),
        (200, {"access_token": "a\r\nx: y"}, UpstreamAccountError, "without a token"),
    ],
)
def test_a_refused_token_says_whose_fault_it_is(
    account: Account,
    endpoint: TokenEndpoint,
    status: int,
    answer: dict[str, Any],
    kind: type[UpstreamError],
    said: str,
) -> None:
    endpoint.status, endpoint.answer = status, answer

    with pytest.raises(kind, match=said):
        token_of(account())


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"token_uri": "http://127.0.0.1:1/token"}, UpstreamUnreachable),
        ({"token_uri": "no address"}, UpstreamError),
        ({"private_key": "no key"}, UpstreamAccountError),
        ({"client_email": ""}, UpstreamAccountError),
        ({"allow_private": False}, UpstreamUnreachable),
    ],
)
def test_an_account_that_cannot_work_is_told(
    account: Account, changes: dict[str, Any], kind: type[UpstreamError]
) -> None:
    with pytest.raises(kind):
        token_of(account(**changes))


def test_what_is_no_key_file_is_told() -> None:
    record = provider("oauth_service_account")
    for secret in ("", "ya29.token", "[1]", "{}"):
        found = authorizer_for(record, CredentialRecord(1, Secret(secret)))
        assert found is not None
        with pytest.raises(UpstreamAccountError, match="no service account"):
            token_of(found)


@pytest.fixture
def house(
    live: LiveGateway, endpoint: TokenEndpoint, private_key: rsa.RSAPrivateKey
) -> Iterator[ScriptedUpstream]:
    """A provider that wants tokens of a service account."""
    with ScriptedUpstream() as house:
        row = ProviderFactory.create(
            slug="house",
            base_url=house.url,
            auth="oauth_service_account",
            allow_private_addresses=True,
        )
        EndpointFactory.create(provider=row)
        CredentialFactory.create(provider=row, value=key_file(endpoint, private_key))
        model = AIModelFactory.create(provider=row, model_id="large")
        for component in ("input", "output"):
            PriceFactory.create(model=model, component=component)
        live.caught_up()
        house.says_whole(b'{"choices":[{"message":{"content":"a"}}]}')
        yield house


ASKED: Any = {"model": "house/large", "messages": [{"role": "user", "content": "Hi"}]}


def test_a_call_presents_the_token(
    http: httpx.Client, endpoint: TokenEndpoint, house: ScriptedUpstream
) -> None:
    answers = [http.post("/v1/chat/completions", json=ASKED) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200] * 3
    assert len(endpoint.forms) == 1
    for said in house.said:
        head = said.request.partition(b"\r\n\r\n")[0]
        assert head.count(b"uthorization: ") == 1
        assert b"\r\nauthorization: Bearer ya29.token-1" in head


def test_a_call_is_not_made_without_a_token(
    http: httpx.Client, endpoint: TokenEndpoint, house: ScriptedUpstream
) -> None:
    endpoint.status, endpoint.answer = 400, {"error": "invalid_grant"}

    response = http.post("/v1/chat/completions", json=ASKED)

    assert response.status_code == 502
    assert response.json()["error"]["code"] == "upstream_auth"
    assert "invalid_grant" in response.json()["error"]["message"]
    assert not house.said
