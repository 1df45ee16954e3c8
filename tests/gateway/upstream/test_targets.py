"""What goes out to a provider: address, head and credential, fit for the wire."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.candidates import Candidate
from gateway.configuration.records import CredentialRecord
from gateway.upstream.targets import Target, build_target, target_for
from tenants.encryption import Secret
from tests.gateway.records import ENDPOINT, PROVIDER, model

SECRET = CredentialRecord(1, Secret("s3cr&t=/+ #?"))


def built(
    *, credential: CredentialRecord | None = SECRET, pattern: str = "", **provider: Any
) -> Target:
    record = model(1, replace(PROVIDER, **provider))
    endpoint = replace(ENDPOINT, pattern=pattern) if pattern else ENDPOINT
    return build_target(record, endpoint, credential)


def headers_of(target: Target) -> dict[str, str]:
    _, *lines, end = target.head.decode("latin-1").split("\r\n")
    assert end == ""
    headers = dict(line.split(": ", 1) for line in lines)
    assert len(headers) == len(lines), "a header stands twice"
    return headers


def line_of(target: Target) -> str:
    return target.head.decode("latin-1").partition("\r\n")[0]


@pytest.mark.parametrize(
    ("auth", "name", "header"),
    [
        ("bearer", "", ("authorization", "Bearer s3cr&t=/+ #?")),
        ("header", "X-Api-Key", ("x-api-key", "s3cr&t=/+ #?")),
    ],
)
def test_a_credential_stands_where_the_provider_wants_it(
    auth: str, name: str, header: tuple[str, str]
) -> None:
    target = built(auth_kind=auth, auth_name=name)

    assert header in headers_of(target).items()
    assert line_of(target) == "POST /v1/chat/completions HTTP/1.1"


def test_a_credential_in_the_query_is_quoted() -> None:
    target = built(auth_kind="query", auth_name="key")

    path = "/v1/chat/completions?key=s3cr%26t%3D%2F%2B%20%23%3F"
    assert line_of(target) == f"POST {path} HTTP/1.1"
    assert str(target.url).endswith(path)


@pytest.mark.parametrize("auth", ["bearer", "header", "query", "none"])
def test_a_target_without_a_credential_presents_none(auth: str) -> None:
    target = built(auth_kind=auth, auth_name="x-key", credential=None)

    assert not {"authorization", "x-key"} & {*headers_of(target)}
    assert "?" not in line_of(target)


@pytest.mark.parametrize("auth", ["bearer", "header", "query"])
def test_a_target_does_not_show_its_credential(auth: str) -> None:
    target = built(auth_kind=auth, auth_name="x-key")

    assert "s3cr" not in repr(target)


def test_headers_of_the_provider_go_with_every_request() -> None:
    headers = headers_of(built(headers=(("X-Region", "eu"), ("User-Agent", "house"))))

    assert headers["x-region"] == "eu"
    assert headers["user-agent"] == "house"
    assert headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "name",
    ["Host", "Content-Length", "TRANSFER-ENCODING", "Connection", "Content-Type"],
)
def test_configuration_does_not_say_how_a_request_is_framed(name: str) -> None:
    headers = headers_of(built(headers=((name, "hostile"),)))

    assert "hostile" not in headers.values()
    assert headers["host"] == "api.acme.example"


@given(
    value=st.text(max_size=30),
    secret=st.text(min_size=1, max_size=30),
    model_id=st.text(min_size=1, max_size=30),
    auth=st.sampled_from(["bearer", "header", "query"]),
)
def test_nothing_of_the_configuration_ends_a_header_early(
    value: str, secret: str, model_id: str, auth: str
) -> None:
    provider = replace(
        PROVIDER, headers=(("x-note", value),), auth_kind=auth, auth_name="x-key"
    )
    record = replace(model(1, provider), model_id=model_id)
    endpoint = replace(ENDPOINT, pattern="/models/{model}/chat")

    try:
        target = build_target(record, endpoint, CredentialRecord(1, Secret(secret)))
    except UnicodeEncodeError:
        # Lone surrogates, which no database would have given us.
        return

    lines = target.head.split(b"\r\n")
    assert lines.pop() == b""
    names = [line.partition(b":")[0] for line in lines[1:]]
    assert len(names) == len({*names})
    assert {*names} <= {
        b"host",
        b"accept",
        b"user-agent",
        b"x-note",
        b"accept-encoding",
        b"content-type",
        b"authorization",
        b"x-key",
    }
    assert lines[0].count(b" ") == 2
    assert not any({*b"\r\n\0"} & {*line} for line in lines)


@pytest.mark.parametrize(
    ("base_url", "host", "line"),
    [
        ("https://a.example", "a.example", "/v1/chat/completions"),
        ("https://a.example:8443/x", "a.example:8443", "/x/v1/chat/completions"),
        ("http://[2606:4700::1]:80", "[2606:4700::1]", "/v1/chat/completions"),
        ("http://127.0.0.1:9000", "127.0.0.1:9000", "/v1/chat/completions"),
    ],
)
def test_the_address_is_put_together(base_url: str, host: str, line: str) -> None:
    target = built(base_url=base_url)

    assert headers_of(target)["host"] == host
    assert line_of(target) == f"POST {line} HTTP/1.1"


def test_a_target_is_put_together_once_and_again_when_its_parts_change() -> None:
    record = model(1)
    candidate = Candidate(record, ENDPOINT, SECRET, None, 1, 100, 0)
    changed = Candidate(
        record, ENDPOINT, CredentialRecord(1, Secret("new")), None, 1, 100, 0
    )

    first = target_for(candidate)

    assert target_for(candidate) is first
    assert target_for(changed) is not first
    assert headers_of(target_for(changed))["authorization"] == "Bearer new"


def test_a_providers_words_lose_our_credential_and_what_looks_like_one() -> None:
    credential = CredentialRecord(1, Secret("0123456789abcdef"))
    words = (
        "Key 0123456789abcdef of sk-proj-abcdefgh and Bearer abc.def, "
        "AIzaSyA1234, sb_abc_def_ghi are wrong; task sk is fine."
    )

    redacted = built(credential=credential).redacted(words)

    assert redacted == (
        "Key [redacted] of [redacted] and [redacted] "
        "[redacted] [redacted] are wrong; task sk is fine."
    )
