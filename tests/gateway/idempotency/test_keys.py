"""No request is taken for another one (K1, C10)."""

import random
from typing import Any

import pytest

from gateway.idempotency.keys import Namer, key_of
from gateway.refusals import InvalidRequest
from usage.idempotent_answers import Claim

PAIRS = 10_000
PATHS = ("/v1/chat/completions", "/v1/embeddings", "/proxy/sim/v1/x", "/api/ai/stream")
TYPES = (b"application/json", b"application/json; charset=utf-8")


def named(secret: str = "s", **fields: Any) -> Claim:
    sent: dict[str, Any] = {
        "key": b"k",
        "project_id": 1,
        "path": PATHS[0],
        "query": b"",
        "content_type": TYPES[0],
        "content": b"{}",
        "end_user": b"",
        **fields,
    }
    key, project_id, path = (sent.pop(name) for name in ("key", "project_id", "path"))
    return Namer(secret).claim(key, project_id, path, request_id="r", **sent)


def drawn(lots: random.Random) -> dict[str, Any]:
    return {
        "key": lots.randbytes(lots.randint(1, 4)).hex().encode(),
        "project_id": lots.randint(1, 40),
        "path": lots.choice(PATHS),
        "query": b"alt=sse" if lots.random() < 0.2 else b"",
        "content_type": lots.choice(TYPES),
        "content": b'{"n": %d}' % lots.randint(0, 10**6),
        "end_user": lots.choice([b"", b"u-1", b"u-2"]),
    }


def test_no_two_of_ten_thousand_that_differ_are_taken_for_one() -> None:
    """Key, project and route decide whose answer it is, the rest whether it is the same."""
    lots = random.Random(4711)
    for _ in range(PAIRS):
        one = drawn(lots)
        changed = lots.choice(sorted(one))
        other = {**one, changed: drawn(lots)[changed]}
        a, b = named(**one), named(**other)
        is_same = one == other
        if changed in {"key", "project_id", "path"}:
            assert (a.digest == b.digest) == is_same
            assert a.fingerprint == b.fingerprint
        else:
            assert a.digest == b.digest
            assert (a.fingerprint == b.fingerprint) == is_same


def test_who_asks_with_which_key_does_not_count() -> None:
    assert named(query=b"key=sb_1&alt=sse") == named(query=b"alt=sse&key=sb_2")


def test_where_one_part_ends_and_the_next_begins_counts() -> None:
    assert (
        named(key=b"1k", project_id=1).digest != named(key=b"k", project_id=11).digest
    )
    assert named(key=b"xk").digest != named(path=f"{PATHS[0]}x").digest


def test_a_form_is_the_same_whatever_its_boundary() -> None:
    def form(boundary: bytes, text: bytes = b"a") -> dict[str, Any]:
        return {
            "content_type": b"multipart/form-data; boundary=" + boundary,
            "content": b"--%b\r\nx: y\r\n\r\n%b\r\n--%b--\r\n"
            % (boundary, text, boundary),
        }

    assert named(**form(b"one")) == named(**form(b"another"))
    assert named(**form(b'"one"')).fingerprint != named(**form(b"one")).fingerprint
    assert named(**form(b"one")) != named(**form(b"one", b"b"))


def test_a_digest_needs_the_servers_secret() -> None:
    assert named("one").digest != named("other").digest


@pytest.mark.parametrize("key", [b"k", b"'\"%s~!", b"x" * 255])
def test_what_a_key_may_be(key: bytes) -> None:
    assert key_of([(b"host", b"x"), (b"idempotency-key", key)]) == key


@pytest.mark.parametrize(
    "keys", [[b""], [b"a b"], [b"\x80"], [b"a\n"], [b"x" * 256], [b"a", b"b"], []]
)
def test_what_it_may_not_be(keys: list[bytes]) -> None:
    with pytest.raises(InvalidRequest):
        key_of([(b"idempotency-key", key) for key in keys])
