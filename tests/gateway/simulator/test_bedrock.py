"""The simulator as Amazon Bedrock: signed calls, real frames, Amazon's own errors."""

import contextlib
import json
from typing import Any

import httpx
import pytest
from botocore.eventstream import EventStreamBuffer

from gateway.simulator import Simulator, faults
from tests.gateway.simulator.reading import JSON
from tests.gateway.simulator.test_faults_by_protocol import ENDLESS, SHORTENED

SIGNED = {
    "authorization": "AWS4-HMAC-SHA256 Credential=A/20261121/us-east-1/bedrock/"
    "aws4_request, SignedHeaders=host;x-amz-date, Signature=00",
    "x-amz-date": "20261121T080000Z",
}
MESSAGES = [{"role": "user", "content": [{"text": "Hello there"}]}]
TOOLS = {
    "tools": [
        {"toolSpec": {"name": "look", "inputSchema": {"json": {"type": "object"}}}}
    ]
}


def post(
    http: httpx.Client,
    model: str,
    method: str = "converse",
    headers: dict[str, str] = SIGNED,
    **fields: Any,
) -> httpx.Response:
    body = fields if method == "invoke" else {"messages": MESSAGES, **fields}
    return http.post(f"/model/{model}/{method}", json=body, headers=headers)


def events_in(response: httpx.Response) -> list[tuple[str, JSON]]:
    """Return the frames of a stream, read by Amazon's own code."""
    buffer: Any = EventStreamBuffer()
    buffer.add_data(response.content)
    return [
        (
            message.headers.get(":event-type") or message.headers[":exception-type"],
            json.loads(message.payload),
        )
        for message in buffer
    ]


def test_an_answer_is_the_same_whole_and_in_frames(http: httpx.Client) -> None:
    whole = post(http, "sim-reasoning", toolConfig=TOOLS)
    stream = post(http, "sim-reasoning", "converse-stream")

    assert whole.headers["x-amzn-requestid"]
    assert stream.headers["content-type"] == "application/vnd.amazon.eventstream"
    thought, said = whole.json()["output"]["message"]["content"]
    frames = events_in(stream)
    assert [frames[0][0], *(name for name, _ in frames[-2:])] == [
        "messageStart",
        "messageStop",
        "metadata",
    ]
    deltas = [data["delta"] for name, data in frames if name == "contentBlockDelta"]
    assert "".join(delta.get("text", "") for delta in deltas) == said["text"]
    thoughts = [d["reasoningContent"] for d in deltas if "reasoningContent" in d]
    text = thought["reasoningContent"]["reasoningText"]["text"]
    assert "".join(each.get("text", "") for each in thoughts) == text
    usage = frames[-1][1]["usage"]
    assert usage["totalTokens"] == usage["inputTokens"] + usage["outputTokens"]


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({}, "MissingAuthenticationTokenException"),
        ({"x-api-key": "a"}, "MissingAuthenticationTokenException"),
        (
            {"authorization": SIGNED["authorization"]},
            "MissingAuthenticationTokenException",
        ),
        ({"authorization": "Bearer sk-invalid"}, "UnrecognizedClientException"),
    ],
)
def test_a_call_that_nobody_signed_is_refused(
    http: httpx.Client, headers: dict[str, str], kind: str
) -> None:
    response = post(http, "sim-chat", headers=headers)

    assert response.status_code == 403
    assert response.headers["x-amzn-errortype"] == kind
    assert response.json()["message"]


def test_a_key_of_bedrock_itself_is_enough(http: httpx.Client) -> None:
    assert post(http, "sim-chat", headers={"authorization": "Bearer a"}).is_success


CALL = {"toolUse": {"toolUseId": "t1", "name": "look", "input": {}}}
RESULT = {"toolResult": {"toolUseId": "t1", "content": [{"text": "4 C"}]}}
CALLED = [*MESSAGES, {"role": "assistant", "content": [CALL]}]


def test_a_result_is_taken_back(http: httpx.Client) -> None:
    messages = [*CALLED, {"role": "user", "content": [RESULT]}]

    answer = post(http, "sim-chat", messages=messages, toolConfig=TOOLS).json()

    assert "The tool said: 4 C." in answer["output"]["message"]["content"][0]["text"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"messages": []}, "empty"),
        ({"messages": [{"role": "assistant", "content": [{"text": "a"}]}]}, "start"),
        ({"messages": MESSAGES * 2}, "alternate"),
        ({"messages": [{"role": "user", "content": []}]}, "empty"),
        ({"messages": [{"role": "user", "content": [{"text": " "}]}]}, "blank"),
        ({"messages": [{"role": "user", "content": [{"video": {}}]}]}, "known member"),
        ({"messages": [{"role": "user", "content": "a"}]}, "empty"),
        ({"messages": [*CALLED, {"role": "user", "content": [RESULT]}]}, "toolConfig"),
        (
            {"messages": [*CALLED, *MESSAGES], "toolConfig": TOOLS},
            "Expected toolResult blocks",
        ),
        ({"toolConfig": {"tools": []}}, "at least one tool"),
        (
            {"toolConfig": {"tools": [{"toolSpec": {"name": "a.b"}}]}},
            "regular expression",
        ),
        ({"toolConfig": {**TOOLS, "toolChoice": {"tool": {"name": "b"}}}}, "tool b"),
        ({"inferenceConfig": {"maxTokens": 0}}, "maxTokens"),
        ({"inferenceConfig": {"temperature": 1.5}}, "temperature"),
        ({"inferenceConfig": {"topK": 4}}, "extraneous key [topK]"),
        ({"stream": True}, "extraneous key [stream]"),
        ({"outputConfig": {"textFormat": {"type": "json"}}}, "Invalid type"),
    ],
)
def test_what_amazon_would_refuse_is_refused(
    http: httpx.Client, fields: JSON, said: str
) -> None:
    response = post(http, "sim-chat", **fields)

    assert response.status_code == 400, response.text
    assert response.headers["x-amzn-errortype"] == "ValidationException"
    assert said in response.json()["message"]


def test_a_guardrail_steps_in(http: httpx.Client) -> None:
    messages = [{"role": "user", "content": [{"text": "blocked content"}]}]

    answer = post(http, "sim-chat", messages=messages).json()

    assert answer["stopReason"] == "guardrail_intervened"


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [
        ("429", 429, "ThrottlingException"),
        ("500", 500, "InternalServerException"),
        ("503", 503, "ServiceUnavailableException"),
        ("403", 403, "AccessDeniedException"),
        ("404", 404, "ResourceNotFoundException"),
        ("context", 400, "ValidationException"),
    ],
)
def test_faults_have_amazons_names(
    http: httpx.Client, fault: str, status: int, kind: str
) -> None:
    response = post(http, f"sim-fault-{fault}")

    assert response.status_code == status
    assert response.headers["x-amzn-errortype"] == kind


def test_an_exception_may_come_midstream(http: httpx.Client) -> None:
    frames = events_in(post(http, "sim-fault-error-midstream-3", "converse-stream"))

    assert [name for name, _ in frames][-1] == "serviceUnavailableException"
    assert len(frames) == 4


@pytest.mark.parametrize("kind", sorted(faults.KINDS - ENDLESS))
@pytest.mark.parametrize("method", ["converse", "converse-stream"])
def test_every_fault_happens(
    simulator: Simulator, http: httpx.Client, kind: str, method: str
) -> None:
    with contextlib.suppress(httpx.TransportError, httpx.DecodingError):
        post(http, f"sim-fault-{SHORTENED.get(kind, kind)}", method)

    (call,) = simulator.calls
    assert call.protocol == "bedrock_converse"


def test_embeddings_have_their_makers_shapes(http: httpx.Client) -> None:
    titan = post(http, "sim-chat", "invoke", inputText="a cat", dimensions=256).json()
    cohere: JSON = {"texts": ["a", "b"], "input_type": "search_query"}
    plain = post(http, "sim-chat", "invoke", **cohere).json()
    typed = post(http, "sim-chat", "invoke", **cohere, embedding_types=["float"]).json()

    assert len(titan["embedding"]) == 256
    assert titan["inputTextTokenCount"] == 2
    assert len(plain["embeddings"]) == 2
    assert typed["embeddings"]["float"] == plain["embeddings"]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"inputText": ""},
        {"inputText": "a", "dimensions": 3},
        {"inputText": "a", "texts": ["a"]},
        {"texts": []},
        {"texts": ["a"], "input_type": "other"},
        {"texts": ["a"], "input_type": "search_query", "output_dimension": 7},
    ],
)
def test_what_no_embedding_model_takes_is_refused(
    http: httpx.Client, fields: JSON
) -> None:
    assert post(http, "sim-chat", "invoke", **fields).status_code == 400


def test_claude_on_vertex_takes_a_version_and_no_model(http: httpx.Client) -> None:
    place = "/v1/projects/p/locations/global/publishers/anthropic/models"
    path = f"{place}/sim-chat:rawPredict"
    body: JSON = {
        "anthropic_version": "vertex-2023-10-16",
        "max_tokens": 50,
        "messages": [{"role": "user", "content": "Hello"}],
    }
    headers = {"anthropic-version": "2023-06-01"}

    answers = [
        http.post(path, json=sent, headers=headers).status_code
        for sent in (
            body,
            {**body, "model": "sim-chat"},
            {**body, "anthropic_version": None},
            {**body, "stream": True},
        )
    ]

    assert answers == [200, 400, 400, 400]
