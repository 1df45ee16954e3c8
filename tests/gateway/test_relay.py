"""Same protocol on both sides: what the provider says is passed on byte for byte."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import openai
import pytest

from tenants.models import Project
from tests.factories import (
    AIModelFactory,
    EndpointFactory,
    PriceFactory,
    ProviderFactory,
)
from tests.gateway.live import LiveGateway
from tests.gateway.scripted_upstream import ScriptedUpstream

PATH = "/v1/chat/completions"
HELLO: Any = [{"role": "user", "content": "Hello there"}]
ASK = {"model": "odd/model", "messages": HELLO}


@pytest.fixture
def odd(live: LiveGateway) -> Iterator[ScriptedUpstream]:
    """A provider that says what a test tells it to say, with one model at no price."""
    with ScriptedUpstream() as odd:
        provider = ProviderFactory.create(
            slug="odd", base_url=odd.url, auth="none", allow_private_addresses=True
        )
        EndpointFactory.create(provider=provider)
        model = AIModelFactory.create(provider=provider, model_id="model")
        for component in ("input", "output"):
            PriceFactory.create(model=model, component=component)
        live.caught_up()
        yield odd


@pytest.fixture
def relayed(http: httpx.Client, odd: ScriptedUpstream) -> Callable[..., bytes]:
    """Return what a client gets of a streamed answer."""

    def ask(**fields: Any) -> bytes:
        response = http.post(PATH, json={**ASK, "stream": True, **fields})
        assert response.status_code == 200, response.text
        return response.content

    return ask


def chunk(**fields: Any) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()


def delta(text: str, finish_reason: str | None = None, **fields: Any) -> bytes:
    return chunk(
        id="c1",
        object="chat.completion.chunk",
        model="model-0101",
        choices=[
            {"index": 0, "delta": {"content": text}, "finish_reason": finish_reason}
        ],
        **fields,
    )


def event(data: bytes, end: bytes = b"\n") -> bytes:
    return b"data: " + data + end + end


USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
USAGE_CHUNK = chunk(id="c1", model="model-0101", choices=[], usage=USAGE)
DONE = b"data: [DONE]\n\n"
STREAM = event(delta("Hel")) + event(delta("lo", "stop")) + DONE

ODD_STREAMS = {
    "unknown fields": event(delta("Hi", x={"deep": [1.0, 1e30, "\u2028"]})) + STREAM,
    "unknown events": b"event: ping\ndata: {}\n\n"
    b'event: vendor.note\nid: 4\ndata: {"a": 1}\n\n' + STREAM,
    "comments": b": hello\n\n:\n\n" + event(delta("Hi")) + b": still here\n\n" + STREAM,
    "CRLF": STREAM.replace(b"\n", b"\r\n"),
    "CR": STREAM.replace(b"\n", b"\r"),
    "a mix of line ends": event(delta("a"), b"\r\n")
    + event(delta("b"))
    + b"data: %b\n\r\n" % delta("c")
    + b"data: %b\r\n\n" % delta("d")
    + STREAM,
    "a byte order mark": b"\xef\xbb\xbf" + STREAM,
    "retry and id": b"retry: 3000\nid: 1\n" + STREAM,
    "no space after the colon": STREAM.replace(b"data: ", b"data:"),
    "data over several lines": b'data: {"choices":\ndata: [{"index":0,"delta":'
    b'{"content":"x"}}]}\n\n' + STREAM,
    "spaces in the JSON": event(
        b'{ "choices" : [ { "index" : 0, "delta" : { "content" : "x" } } ] }'
    )
    + STREAM,
    "bytes that are no UTF-8": event(delta("sim").replace(b"sim", b"\xff\xc3("))
    + STREAM,
    "the words of a usage in the text": event(delta('"usage":null,"error":{}'))
    + STREAM,
    "reasoning and refusals": event(
        chunk(choices=[{"delta": {"reasoning_content": "Hm"}}])
    )
    + event(chunk(choices=[{"delta": {"refusal": "No"}}]))
    + STREAM,
    "an empty choice first": event(chunk(choices=[], prompt_filter_results=[]))
    + STREAM,
    "several choices": event(
        chunk(
            choices=[
                {"index": 1, "delta": {"content": "a"}, "finish_reason": None},
                {"index": 0, "delta": {}, "finish_reason": "stop"},
            ]
        )
    )
    + STREAM,
    "blank lines": b"\n\n\n" + event(delta("a")) + b"\n\n" + STREAM,
}


@pytest.mark.parametrize("stream", ODD_STREAMS.values(), ids=ODD_STREAMS.keys())
def test_an_odd_but_valid_stream_is_passed_on_unchanged(
    odd: ScriptedUpstream, relayed: Callable[..., bytes], stream: bytes
) -> None:
    odd.says_stream(stream)

    assert relayed() == stream


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_a_stream_may_arrive_byte_by_byte(
    odd: ScriptedUpstream, relayed: Callable[..., bytes], end: bytes
) -> None:
    stream = STREAM.replace(b"\n", end)
    odd.says_stream(*[stream[at : at + 1] for at in range(len(stream))], pause_s=2e-4)

    assert relayed() == stream


def test_usage_that_only_we_asked_for_is_taken_out_and_nothing_else(
    odd: ScriptedUpstream, relayed: Callable[..., bytes]
) -> None:
    before = event(delta("Hi", usage=None)) + event(delta("", "stop", usage=None))
    odd.says_stream(before + event(USAGE_CHUNK) + DONE)

    hidden = relayed()
    shown = relayed(stream_options={"include_usage": True})

    assert hidden == event(delta("Hi")) + event(delta("", "stop")) + DONE
    assert shown == before + event(USAGE_CHUNK) + DONE


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        (b'{"usage": null, "choices":[{"delta":{"content":"a"}}]}', b'{"choices":'),
        (b'{"choices":[{"delta":{"content":"a"}}], "usage" : null}', b'"a"}}]}'),
    ],
)
def test_an_empty_usage_is_taken_out_however_it_is_written(
    odd: ScriptedUpstream, relayed: Callable[..., bytes], sent: bytes, received: bytes
) -> None:
    odd.says_stream(event(sent) + STREAM)

    first = relayed().partition(b"\n")[0]

    assert b"usage" not in first
    assert received in first
    json.loads(first.removeprefix(b"data: "))


def test_the_terminator_is_passed_on_when_usage_came_with_the_last_words(
    odd: ScriptedUpstream,
    relayed: Callable[..., bytes],
    live: LiveGateway,
    project: Project,
) -> None:
    stream = event(delta("Hi")) + event(delta("", "stop", usage=USAGE))
    odd.says_stream(stream, DONE, pause_s=0.02)

    assert relayed() == stream + DONE
    (recorded,) = live.events(project)
    assert (recorded.input_tokens, recorded.output_tokens) == (7, 5)
    assert recorded.status == "ok"


def test_a_provider_that_sends_no_terminator_may_end_with_its_usage(
    odd: ScriptedUpstream,
    relayed: Callable[..., bytes],
    live: LiveGateway,
    project: Project,
) -> None:
    stream = event(delta("Hi", usage=USAGE)) + event(delta("", "stop", usage=USAGE))
    odd.says_stream(stream)

    assert relayed() == stream
    (recorded,) = live.events(project)
    assert recorded.status == "ok"


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_terminator_counts_without_its_blank_line(
    odd: ScriptedUpstream,
    relayed: Callable[..., bytes],
    live: LiveGateway,
    project: Project,
    end: bytes,
) -> None:
    odd.says_stream(event(delta("Hi", "stop")) + b"data: [DONE]" + end)

    received = relayed()

    assert received.rstrip().endswith(b"data: [DONE]")
    assert received.endswith(b"\n\n")
    (recorded,) = live.events(project)
    assert recorded.status == "ok"


@pytest.mark.parametrize(
    "kind", [b"application/json", b"text/plain", b"text/html", b"application/x-ndjson"]
)
def test_a_stream_of_another_content_type_is_accepted(
    odd: ScriptedUpstream, relayed: Callable[..., bytes], kind: bytes
) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\nconnection: close\r\n\r\n" % kind
    odd.says(head + STREAM)

    assert relayed() == STREAM


ODD_BODIES = {
    "unknown fields": b'{"id":"c","x":{"y":[1.50,1e400]},"choices":[{"message":{}}]}',
    "spaces": b'\n {"choices" : [ {"message": {"content" : "a"} } ] }\r\n ',
    "a key twice": b'{"model":"a","model":"b","choices":[{"message":{"content":"a"}}]}',
    "escapes": b'{"choices":[{"message":{"content":"\\u00e4\\ud83d\\ude00\\/"}}]}',
    "an empty error": b'{"error":null,"choices":[{"message":{"content":"a"}}]}',
    "usage of no use": b'{"choices":[{"message":{}}],"usage":"none"}',
    "no model": b'{"choices":[{"message":{}}],"model":null}',
}


@pytest.mark.parametrize("body", ODD_BODIES.values(), ids=ODD_BODIES.keys())
def test_an_odd_but_valid_answer_is_passed_on_unchanged(
    odd: ScriptedUpstream, http: httpx.Client, body: bytes
) -> None:
    odd.says_whole(body)

    response = http.post(PATH, json=ASK)

    assert response.status_code == 200
    assert response.content == body


def test_a_chunked_answer_is_passed_on_whole(
    odd: ScriptedUpstream, http: httpx.Client
) -> None:
    body = b'{"choices":[{"message":{"content":"' + b"long " * 100_000 + b'"}}]}'
    head = (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
        b"transfer-encoding: chunked\r\n\r\n"
    )
    parts = [body[at : at + 50_000] for at in range(0, len(body), 50_000)]
    odd.says(head, *[b"%x\r\n%b\r\n" % (len(p), p) for p in parts], b"0\r\n\r\n")

    response = http.post(PATH, json=ASK)

    assert response.content == body


def test_the_request_is_passed_on_as_it_was_written(
    odd: ScriptedUpstream, http: httpx.Client
) -> None:
    odd.says_whole(b'{"choices":[{"message":{"content":"a"}}]}')
    messages = b'[ {"role":"user", "content":"\\u00e4 \\/ \xc3\xa4"} ]'
    body = b'{"x" : 1.50, "model":"odd/model","y":1e3,"messages":%b,"z":{ }}' % messages

    assert http.post(PATH, content=body).status_code == 200

    _, _, sent = odd.said[0].request.partition(b"\r\n\r\n")
    assert b'"x":1.50' in sent
    assert b'"y":1e3' in sent
    assert b'"z":{ }' in sent
    assert b'"messages":' + messages in sent
    assert json.loads(sent)["model"] == "model"


def test_a_model_name_is_quoted_where_it_stands_in_the_path(
    live: LiveGateway, odd: ScriptedUpstream, client: openai.OpenAI
) -> None:
    provider = ProviderFactory.create(
        slug="paths", base_url=odd.url, auth="none", allow_private_addresses=True
    )
    EndpointFactory.create(provider=provider, pattern="/models/{model}/chat")
    model = AIModelFactory.create(provider=provider, model_id="a/b?c#d e\r\nX-Evil: 1")
    for component in ("input", "output"):
        PriceFactory.create(model=model, component=component)
    live.caught_up()
    odd.says_whole(b'{"choices":[{"message":{"content":"a"}}]}')

    raw = client.chat.completions.with_raw_response.create(
        model=f"paths/{model.model_id}", messages=HELLO
    )

    line, _, rest = odd.said[0].request.partition(b"\r\n")
    assert line == b"POST /models/a%2Fb%3Fc%23d%20e%0D%0AX-Evil%3A%201/chat HTTP/1.1"
    assert b"\r\nX-Evil" not in rest
    assert "x-evil" not in raw.headers
