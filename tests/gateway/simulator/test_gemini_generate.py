import json
from typing import Any

import httpx
import jsonschema
import pytest

from gateway.simulator import Simulator
from tests.gateway.simulator.reading import JSON, chunks

KEY = {"x-goog-api-key": "any"}
WEATHER: JSON = {
    "name": "get_weather",
    "parameters": {
        "type": "OBJECT",
        "properties": {
            "city": {"type": "STRING", "nullable": True},
            "days": {"type": "INTEGER", "minimum": 2, "maximum": 5},
        },
        "required": ["city", "days"],
    },
}
CLOCK: JSON = {"name": "now", "parametersJsonSchema": {"type": "object"}}
TOOLS: JSON = {"tools": [{"functionDeclarations": [WEATHER, CLOCK]}]}
PLACE: JSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "height": {"type": "number"}},
    "required": ["name", "height"],
}
SHOWN: JSON = {"generationConfig": {"thinkingConfig": {"include_thoughts": True}}}


def saying(text: str = "Hello there", **fields: Any) -> JSON:
    return {"contents": [turn("user", {"text": text})]} | fields


def configured(**config: Any) -> JSON:
    return saying(generationConfig=config)


def turn(role: str, *parts: JSON) -> JSON:
    return {"role": role, "parts": list(parts)}


def send(
    http: httpx.Client,
    body: JSON,
    model: str = "sim-chat",
    method: str = "generateContent",
    **params: str,
) -> httpx.Response:
    path = f"/v1beta/models/{model}:{method}"
    return http.post(path, json=body, params=params, headers=KEY)


def answer(http: httpx.Client, body: JSON, model: str = "sim-chat") -> JSON:
    response = send(http, body, model)
    assert response.status_code == 200, response.text
    found: JSON = response.json()
    return found


def candidate(http: httpx.Client, body: JSON, model: str = "sim-chat") -> JSON:
    found: JSON = answer(http, body, model)["candidates"][0]
    return found


def parts_of(http: httpx.Client, body: JSON, model: str = "sim-chat") -> list[JSON]:
    found: list[JSON] = candidate(http, body, model)["content"]["parts"]
    return found


def stream(http: httpx.Client, body: JSON, model: str = "sim-chat") -> list[JSON]:
    return chunks(send(http, body, model, "streamGenerateContent", alt="sse"))


@pytest.mark.parametrize("version", ["v1", "v1beta"])
def test_answers_in_one_piece(http: httpx.Client, version: str) -> None:
    path = f"/{version}/models/sim-chat:generateContent"

    found = http.post(path, json=saying(), headers=KEY).json()

    text = found["candidates"][0]["content"]["parts"][0]["text"]
    assert "Hello there" in text
    assert found["candidates"][0]["finishReason"] == "STOP"
    assert found["modelVersion"] == "sim-chat"
    assert found["usageMetadata"]["promptTokenCount"] == 3
    assert found["usageMetadata"]["candidatesTokenCount"] == -(-len(text) // 4)


@pytest.mark.parametrize(
    ("body", "model"),
    [
        (saying(), "sim-chat"),
        (saying() | SHOWN, "sim-reasoning"),
        (saying("call two tools") | TOOLS, "sim-reasoning"),
        (configured(maxOutputTokens=2), "sim-chat"),
        (configured(candidateCount=2), "sim-chat"),
        (saying("blocked content"), "sim-chat"),
    ],
)
def test_a_stream_says_what_the_plain_answer_says(
    http: httpx.Client, body: JSON, model: str
) -> None:
    plain, events = answer(http, body, model), stream(http, body, model)

    assert told(events) == told([plain])
    assert events[-1]["usageMetadata"] == plain["usageMetadata"]
    assert all("finishReason" not in json.dumps(event) for event in events[:-2])


def told(events: list[JSON]) -> JSON:
    """Return what the candidates think, say and call, and why they end."""
    found: JSON = {"feedback": events[0].get("promptFeedback")}
    for event in events:
        for each in event.get("candidates", []):
            index = each["index"]
            found[f"end {index}"] = each.get("finishReason")
            for part in each["content"].get("parts", []):
                kind = f"{'thought' if part.get('thought') else 'text'} {index}"
                found[kind] = found.get(kind, "") + part.get("text", "")
                if call := part.get("functionCall"):
                    found[f"calls {index}"] = [
                        *found.get(f"calls {index}", []),
                        (call["name"], call["args"], "thoughtSignature" in part),
                    ]
    return {key: value for key, value in found.items() if value}


def test_usage_grows_from_chunk_to_chunk(http: httpx.Client) -> None:
    counts = [
        event["usageMetadata"]["candidatesTokenCount"]
        for event in stream(http, saying())
    ]

    assert counts == sorted(counts)
    assert counts[0] < counts[-1]


def test_without_sse_a_stream_is_an_array(http: httpx.Client) -> None:
    response = send(http, saying(), method="streamGenerateContent")
    failed = send(http, saying(), "sim-fault-503", "streamGenerateContent")

    assert response.headers["content-type"] == "application/json"
    assert told(response.json()) == told([answer(http, saying())])
    assert failed.json()[0]["error"]["status"] == "UNAVAILABLE"


def test_calls_a_function_with_arguments_of_its_schema(http: httpx.Client) -> None:
    found = candidate(http, saying("Please call a tool") | TOOLS)

    (part,) = found["content"]["parts"]
    call = part["functionCall"]
    assert (call["name"], found["finishReason"]) == ("get_weather", "STOP")
    assert call["id"]
    assert 2 <= call["args"]["days"] <= 5
    assert "thoughtSignature" not in part


@pytest.mark.parametrize(
    ("calling", "called"),
    [
        ({"mode": "ANY"}, ["get_weather"]),
        ({"mode": "ANY", "allowedFunctionNames": ["now"]}, ["now"]),
        ({"mode": "none"}, []),
        ({"mode": "VALIDATED"}, []),
    ],
)
def test_obeys_the_calling_mode(
    http: httpx.Client, calling: JSON, called: list[str]
) -> None:
    body = saying(**TOOLS, toolConfig={"functionCallingConfig": calling})

    parts = parts_of(http, body)

    names = [p["functionCall"]["name"] for p in parts if "functionCall" in p]
    assert names == called


def test_names_may_be_written_in_snake_case(http: httpx.Client) -> None:
    declared = {"name": "now", "parameters_json_schema": {"type": "object"}}
    body = {
        "system_instruction": {"parts": [{"text": "Be brief."}]},
        "contents": [{"parts": [{"text": "Hello"}]}],
        "tools": [{"function_declarations": [declared]}],
        "tool_config": {"function_calling_config": {"mode": "ANY"}},
        "generation_config": {"max_output_tokens": 100, "top_k": 3.0},
    }

    (part,) = parts_of(http, body)

    assert part["functionCall"]["name"] == "now"


def responding(call: JSON, response: JSON | None = None) -> JSON:
    """Return the answer to a call."""
    named = {"name": call["name"], "id": call["id"]}
    return {"functionResponse": named | {"response": response or {"output": "4 C"}}}


def test_answers_a_functions_response_with_text(http: httpx.Client) -> None:
    body = saying("call a tool") | TOOLS
    (called,) = parts_of(http, body)
    result = responding(called["functionCall"], {"output": "It is 4 C"})
    body["contents"] += [turn("model", called), turn("user", result)]

    (part,) = parts_of(http, body)

    assert "The tool said: It is 4 C." in part["text"]


def test_a_call_must_come_back_with_its_signature(http: httpx.Client) -> None:
    body = saying("call two tools") | TOOLS
    first, second = parts_of(http, body, "sim-reasoning")
    results = turn("user", *(responding(p["functionCall"]) for p in (first, second)))

    def told_of(model: str = "sim-reasoning", **changes: Any) -> str:
        changed = {k: v for k, v in (first | changes).items() if v is not None}
        contents = [*body["contents"], turn("model", changed, second), results]
        response = send(http, body | {"contents": contents}, model)
        if response.status_code == 200:
            return "ok"
        message: str = response.json()["error"]["message"]
        return message

    sentinel = "skip_thought_signature_validator"
    other = first["functionCall"] | {"args": {"city": "Bergen"}}
    assert "thoughtSignature" not in second
    assert told_of() == "ok"
    assert told_of(thoughtSignature=sentinel) == "ok"
    assert "missing a thought_signature" in told_of(thoughtSignature=None)
    assert "Corrupted" in told_of(thoughtSignature="QUJD")
    assert "Corrupted" in told_of(functionCall=other)
    assert told_of("sim-chat", thoughtSignature=None) == "ok"


def test_a_texts_signature_may_come_back_too(http: httpx.Client) -> None:
    (part,) = parts_of(http, saying(), "sim-reasoning")
    body = saying()
    body["contents"] += [turn("model", part), turn("user", {"text": "And now?"})]

    assert send(http, body, "sim-reasoning").status_code == 200
    part["thoughtSignature"] = "QUJD"
    assert send(http, body, "sim-reasoning").status_code == 400


def test_thoughts_are_shown_when_asked_for(http: httpx.Client) -> None:
    thought, text = parts_of(http, saying() | SHOWN, "sim-reasoning")
    found = answer(http, saying(), "sim-reasoning")
    unthinking = answer(
        http, configured(thinkingConfig={"thinkingBudget": 0}), "sim-reasoning"
    )

    assert thought["thought"] is True
    assert text["thoughtSignature"]
    assert len(found["candidates"][0]["content"]["parts"]) == 1
    assert found["usageMetadata"]["thoughtsTokenCount"] == 64
    assert "thoughtsTokenCount" not in unthinking["usageMetadata"]


@pytest.mark.parametrize("name", ["responseJsonSchema", "responseSchema"])
def test_answers_in_the_shape_of_a_schema(http: httpx.Client, name: str) -> None:
    body = configured(**{"responseMimeType": "application/json", name: PLACE})

    (part,) = parts_of(http, body)

    jsonschema.validate(json.loads(part["text"]), PLACE)


def test_says_why_it_stopped(http: httpx.Client) -> None:
    short = candidate(http, configured(maxOutputTokens=2))
    silent = candidate(http, configured(maxOutputTokens=8), "sim-reasoning")
    stopped = candidate(http, configured(stopSequences=["simulated"]))
    refused = candidate(http, saying("refuse to answer"))

    assert short["finishReason"] == "MAX_TOKENS"
    assert silent["finishReason"] == "MAX_TOKENS"
    assert "parts" not in silent["content"]
    assert stopped["finishReason"] == "STOP"
    assert refused["finishReason"] == "SAFETY"


def test_a_blocked_prompt_has_no_candidates(
    simulator: Simulator, http: httpx.Client
) -> None:
    found = answer(http, saying("This is blocked content."))

    assert "candidates" not in found
    assert found["promptFeedback"]["blockReason"] == "SAFETY"
    assert found["usageMetadata"]["candidatesTokenCount"] == 0
    assert simulator.calls[0].completion_tokens == 0


def test_cached_tokens_are_part_of_the_prompt(http: httpx.Client) -> None:
    usage = answer(http, saying("x" * 400), "sim-chat-cached-60")["usageMetadata"]

    assert usage["promptTokenCount"] == 100
    assert usage["cachedContentTokenCount"] == 60


def test_a_picture_is_seen_by_who_can(http: httpx.Client) -> None:
    picture = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}
    body = {"contents": [turn("user", {"text": "What is it?"}, picture)]}

    seen = answer(http, body, "sim-vision")

    assert "I see 1 image(s)." in seen["candidates"][0]["content"]["parts"][0]["text"]
    assert seen["usageMetadata"]["promptTokenCount"] == 3 + 85
    assert send(http, body).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        {"contents": saying("x" * 40)["contents"]},
        {"generateContentRequest": saying("x" * 40)},
    ],
)
def test_counts_tokens_without_a_bill(
    simulator: Simulator, http: httpx.Client, body: JSON
) -> None:
    response = send(http, body, method="countTokens")

    assert response.json()["totalTokens"] == 10
    (call,) = simulator.calls
    assert (call.protocol, call.is_billable) == ("gemini_count", False)


RESULT: JSON = {"functionResponse": {"name": "now", "response": {"output": "noon"}}}
CALL: JSON = {"functionCall": {"name": "now", "args": {}}}


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"contents": []}, "contents is not specified"),
        ({"messages": []}, 'Unknown name "messages"'),
        ({"generationConfig": {"n": 2}}, "at 'generation_config'"),
        ({"contents": [turn("assistant", {"text": "a"})]}, "valid role"),
        ({"contents": [turn("user")]}, "parts must not be empty"),
        ({"contents": [turn("user", {"type": "text"})]}, 'Unknown name "type"'),
        ({"contents": [turn("user", {"thought": True})]}, "oneof"),
        ({"contents": [turn("user", RESULT)]}, "immediately after"),
        (
            {"contents": [turn("model", CALL, CALL), turn("user", RESULT)]},
            "number of function response parts",
        ),
        (
            {
                "contents": [
                    turn("model", CALL),
                    turn("user", {"functionResponse": {"response": {}}}),
                ]
            },
            "Name cannot be empty",
        ),
        ({"tools": [{"type": "function"}]}, 'Unknown name "type"'),
        (
            {"tools": [{"functionDeclarations": [WEATHER | {"strict": True}]}]},
            'Unknown name "strict"',
        ),
        ({"tools": [{"functionDeclarations": [{"name": "a b"}]}]}, "function name"),
        (
            {
                "tools": [
                    {
                        "functionDeclarations": [
                            {
                                "name": "open",
                                "parameters": {
                                    "type": "OBJECT",
                                    "properties": {"a": {"type": "STRING"}},
                                    "additionalProperties": False,
                                },
                            }
                        ]
                    }
                ]
            },
            'Unknown name "additionalProperties"',
        ),
        ({"generationConfig": {"responseJsonSchema": PLACE}}, "mime type"),
        ({"generationConfig": {"candidateCount": 9}}, "candidateCount"),
        ({"generationConfig": {"maxOutputTokens": 0}}, "maxOutputTokens"),
        ({"generationConfig": {"temperature": 3}}, "temperature"),
        ({"generationConfig": {"stopSequences": ["a"] * 6}}, "stopSequences"),
        (
            {
                "generationConfig": {
                    "thinkingConfig": {"thinkingBudget": 1, "thinkingLevel": "low"}
                }
            },
            "only one of",
        ),
        ({"contents": "Hello"}, "contents is not specified"),
        ({"toolConfig": "text"}, "Invalid type"),
    ],
)
def test_a_bad_request_is_refused_in_googles_shape(
    http: httpx.Client, fields: JSON, told: str
) -> None:
    response = send(http, saying(**fields))

    assert response.status_code == 400, response.text
    error = response.json()["error"]
    assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
    assert told in error["message"]


def test_the_invalid_key_is_a_bad_argument(http: httpx.Client) -> None:
    path = "/v1beta/models/sim-chat:generateContent"
    by_query = http.post(path, json=saying(), params={"key": "sk-invalid"})
    by_header = http.post(path, json=saying(), headers={"x-goog-api-key": "sk-invalid"})

    for response in (by_query, by_header):
        assert response.status_code == 400
        (detail,) = response.json()["error"]["details"]
        assert detail["reason"] == "API_KEY_INVALID"


def test_what_is_not_there_is_not_found(http: httpx.Client) -> None:
    for response in (
        send(http, saying(), "gemini-unknown"),
        send(http, saying(), method="predict"),
        http.get("/v1beta/models/gemini-unknown"),
    ):
        assert response.status_code == 404
        assert response.json()["error"]["status"] == "NOT_FOUND"


def test_lists_models_a_page_at_a_time(http: httpx.Client) -> None:
    first = http.get("/v1beta/models", params={"pageSize": "2"}).json()
    more = {"pageSize": "1000", "pageToken": first["nextPageToken"]}
    rest = http.get("/v1/models", params=more, headers=KEY).json()
    one = http.get("/v1beta/models/sim-reasoning").json()

    names = [model["name"] for model in first["models"]]
    assert names == ["models/sim-chat", "models/sim-chat-large"]
    assert rest["models"][0]["name"] == "models/sim-reasoning"
    assert "nextPageToken" not in rest
    assert one["thinking"] is True


def test_the_bench_model_is_quick_here_too(http: httpx.Client) -> None:
    (part,) = parts_of(http, saying(), "sim-bench")
    events = stream(http, saying(), "sim-bench")

    assert part == {"text": "Hello."}
    assert len(events) == 49
