"""What comes back after a turn, and from the adapter of the same protocol."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import msgspec
import orjson
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters import openai_responses as adapter
from gateway.canonical import (
    Audio,
    Began,
    ChatRequest,
    ChatResult,
    Choice,
    Chunk,
    Ended,
    File,
    Finished,
    Image,
    Message,
    OutputFormat,
    Part,
    Reasoning,
    ReasoningDelta,
    Refusal,
    RefusalDelta,
    Text,
    TextDelta,
    Tool,
    ToolArgumentsDelta,
    ToolCall,
    ToolCallBegan,
    ToolChoice,
    ToolResult,
    Used,
)
from gateway.dialects import openai_responses as dialect
from gateway.types import JSON
from usage.tokens import Tokens

texts = st.text("abc äß\n", min_size=1, max_size=8)
ids = st.text("abcXYZ019_-", min_size=1, max_size=8)
objects = st.dictionaries(ids, texts | st.integers(-9, 9) | st.none(), max_size=2)
arguments = objects.map(lambda given: orjson.dumps(given).decode())
own = st.builds(
    lambda item_id, held: orjson.dumps(
        {"id": item_id, "encrypted_content": held}
    ).decode(),
    ids,
    ids,
)
# All reasoning of one answer is of one protocol.
foreign = st.shared(
    st.sampled_from(["anthropic_messages", "gemini_generate", "openai_chat"]),
    key="protocol",
)
thoughts = st.builds(
    Reasoning,
    text=texts,
    signature=ids | st.just(""),
    sealed=ids | st.just(""),
    protocol=foreign,
)
calls = st.builds(
    ToolCall, id=ids, name=ids, arguments=arguments, signature=ids | st.just("")
)
spoken = st.lists(
    st.builds(Text, texts) | st.builds(Refusal, texts) | thoughts | calls,
    min_size=1,
    max_size=5,
).map(lambda parts: distinct(merged(parts)))


def merged(parts: Sequence[Part]) -> list[Part]:
    """Return the parts, texts and refusals that follow one another as one."""
    found: list[Part] = []
    for kind, group in groupby(parts, type):
        if kind is Text or kind is Refusal:
            found.append(kind("".join(part.text for part in group)))  # type: ignore[union-attr]
        else:
            found += group
    return found


def distinct(parts: list[Part]) -> list[Part]:
    """Return the parts, each call with an id of its own."""
    return [
        msgspec.structs.replace(part, id=f"{part.id}{at}")
        if isinstance(part, ToolCall)
        else part
        for at, part in enumerate(parts)
    ]


def handed_back(output: list[JSON]) -> tuple[Part, ...]:
    """Return what a client says when it sends an answer's items as input."""
    items = orjson.loads(orjson.dumps(output))
    (message,) = dialect.parse_request({"input": items}).messages
    assert message.role == "assistant"
    return message.parts


@given(spoken)
def test_a_whole_answer_that_is_handed_back_says_the_same(parts: list[Part]) -> None:
    result = ChatResult(choices=(Choice(tuple(parts), "stop"),))

    tree = orjson.loads(dialect.build_response(result, "a", 0, "m"))

    assert handed_back(tree["output"]) == tuple(parts)


@given(spoken)
def test_a_streamed_answer_that_is_handed_back_says_the_same(parts: list[Part]) -> None:
    builder = dialect.StreamBuilder("a", 0, "m", with_usage=True)
    for chunk in chunks_of(parts):
        builder.write(chunk)

    data = builder.close().strip().split(b"\n\n")[-1].split(b"\ndata: ")[1]

    output = orjson.loads(data)["response"]["output"]
    # Reasoning that nothing closes runs on.
    assert told(handed_back(output)) == told(tuple(parts))


def told(parts: tuple[Part, ...]) -> list[Any]:
    """Return the parts without what tells where one stretch of reasoning ends."""
    found: list[Any] = []
    for part in parts:
        if isinstance(part, Reasoning):
            if found and isinstance(found[-1], str):
                found[-1] += part.text
            else:
                found.append(part.text)
            closed = (part.signature, part.sealed, part.protocol)
            if any(closed[:2]):
                found.append(closed)
        else:
            found.append(part)
    return found


def chunks_of(parts: list[Part]) -> list[Chunk]:
    chunks: list[Chunk] = [Began()]
    number = 0
    for part in parts:
        match part:
            case Text(text=text):
                chunks += [TextDelta(each) for each in text]
            case Refusal(text=text):
                chunks += [RefusalDelta(each) for each in text]
            case Reasoning():
                chunks += [
                    ReasoningDelta(each, protocol=part.protocol) for each in part.text
                ]
                if part.signature or part.sealed:
                    chunks.append(
                        ReasoningDelta(
                            signature=part.signature,
                            sealed=part.sealed,
                            protocol=part.protocol,
                        )
                    )
            case ToolCall():
                chunks.append(ToolCallBegan(number, part.id, part.name, part.signature))
                chunks += [ToolArgumentsDelta(number, each) for each in part.arguments]
                number += 1
    return [*chunks, Finished("stop")]


pictures = st.builds(Image, url=ids.map("https://a.test/{}".format)) | st.builds(
    Image, data=ids, media_type=st.just("image/png"), detail=st.just("low")
)
files = st.builds(
    File, data=ids, media_type=st.just("application/pdf"), name=ids
) | st.builds(File, file_id=ids)
results = st.builds(
    ToolResult,
    call_id=ids,
    parts=st.lists(st.builds(Text, texts) | pictures, min_size=1, max_size=2).map(
        tuple
    ),
)
sounds = st.builds(Audio, data=ids, format=st.sampled_from(["wav", "mp3"]))
asking = st.builds(
    Message,
    role=st.just("user"),
    parts=st.lists(
        st.builds(Text, texts) | pictures | files | sounds, min_size=1, max_size=3
    ).map(tuple),
)
answering = st.builds(
    Message,
    role=st.just("user"),
    parts=st.lists(results, min_size=1, max_size=2).map(tuple),
)
saying = st.builds(
    lambda parts: Message("assistant", tuple(parts)),
    spoken,
)
schemas = st.just({"type": "object", "properties": {"a": {"type": "string"}}})
tools = st.lists(
    st.builds(
        Tool, name=ids, description=texts, parameters=schemas, strict=st.booleans()
    ),
    min_size=1,
    max_size=2,
    unique_by=lambda tool: tool.name,
).map(tuple)
requests = st.builds(
    ChatRequest,
    messages=st.lists(st.tuples(asking, saying, answering), max_size=2).map(
        lambda turns: tuple(message for turn in turns for message in turn)
    ),
    stream=st.booleans(),
    max_output_tokens=st.none() | st.integers(16, 99),
    temperature=st.none() | st.floats(0, 2),
    top_p=st.none() | st.floats(0, 1),
    logprobs=st.none() | st.integers(0, 5),
    tools=tools,
    tool_choice=st.none() | st.builds(ToolChoice, st.sampled_from(["auto", "none"])),
    parallel_tool_calls=st.none() | st.booleans(),
    output_format=st.just(OutputFormat())
    | st.builds(OutputFormat, st.just("json_schema"), ids, schemas, st.booleans()),
    effort=st.sampled_from(["", "low", "high"]),
    end_user=ids | st.just(""),
    metadata=st.dictionaries(ids, texts, max_size=1),
    protocol=st.just("openai_responses"),
)


@given(requests, asking)
def test_a_request_that_is_written_down_is_read_the_same(
    request: ChatRequest, last: Message
) -> None:
    request = msgspec.structs.replace(request, messages=(*request.messages, last))

    read = dialect.parse_request(orjson.loads(orjson.dumps(written(request))))

    assert unnamed(read) == request


def unnamed(request: ChatRequest) -> ChatRequest:
    """Return the request without the names of tools, which results do not tell."""
    return msgspec.structs.replace(
        request,
        messages=tuple(
            Message(
                message.role,
                tuple(
                    msgspec.structs.replace(part, name="")
                    if isinstance(part, ToolResult)
                    else part
                    for part in message.parts
                ),
            )
            for message in request.messages
        ),
    )


def written(request: ChatRequest) -> JSON:
    """Write a request as a client would."""
    body: JSON = {
        "input": [item for message in request.messages for item in items(message)],
        "stream": request.stream,
        "max_output_tokens": request.max_output_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_logprobs": request.logprobs,
        "tools": [
            {"type": "function", **msgspec.to_builtins(t)} for t in request.tools
        ],
        "parallel_tool_calls": request.parallel_tool_calls,
        "reasoning": {"effort": request.effort or None},
        "user": request.end_user or None,
        "metadata": request.metadata,
    }
    if request.logprobs is not None:
        body["include"] = ["message.output_text.logprobs"]
    if request.tool_choice is not None:
        body["tool_choice"] = request.tool_choice.mode
    if request.output_format.kind == "json_schema":
        body["text"] = {
            "format": {
                "type": "json_schema",
                "name": request.output_format.name,
                "schema": request.output_format.schema,
                "strict": request.output_format.strict,
            }
        }
    return body


def items(message: Message) -> list[JSON]:
    if message.role == "assistant":
        result = ChatResult(choices=(Choice(message.parts, "stop"),))
        output: list[JSON] = orjson.loads(dialect.build_response(result, "a", 0, "m"))[
            "output"
        ]
        return output
    if isinstance(message.parts[0], ToolResult):
        return [
            {
                "type": "function_call_output",
                "call_id": part.call_id,
                "output": [content(each) for each in part.parts],
            }
            for part in message.parts
            if isinstance(part, ToolResult)
        ]
    return [{"role": "user", "content": [content(part) for part in message.parts]}]


def content(part: Part) -> JSON:
    match part:
        case Text(text=text):
            return {"type": "input_text", "text": text}
        case Image(url=url, data=data, detail=detail):
            told: JSON = {
                "type": "input_image",
                "image_url": url or f"data:{part.media_type};base64,{data}",
            }
            return {**told, "detail": detail} if detail else told
        case File(file_id=""):
            data = f"data:{part.media_type};base64,{part.data}"
            return {"type": "input_file", "file_data": data, "filename": part.name}
        case File(file_id=file_id):
            return {"type": "input_file", "file_id": file_id}
        case Audio(data=data, format=kind):
            sound = {"data": data, "format": kind}
            return {"type": "input_audio", "input_audio": sound}
    raise AssertionError(part)


@given(own)
def test_openais_own_reasoning_keeps_its_seal(sealed: str) -> None:
    thought = Reasoning("Hm.", sealed=sealed, protocol="openai_responses")
    result = ChatResult(choices=(Choice((thought,), "stop"),))

    (item,) = orjson.loads(dialect.build_response(result, "a", 0, "m"))["output"]

    held = orjson.loads(sealed)
    assert item["encrypted_content"] == held["encrypted_content"]
    assert handed_back([{**item, "id": held["id"]}]) == (thought,)


openais = st.lists(
    st.builds(Text, texts)
    | st.builds(Refusal, texts)
    | st.builds(Reasoning, text=texts, sealed=own, protocol=st.just("openai_responses"))
    | st.builds(ToolCall, id=ids, name=ids, arguments=arguments),
    max_size=5,
).map(lambda parts: distinct(merged(parts)))
TOKENS = Tokens(input=10, output=7, cache_read=4, cache_write=2, reasoning=3)


@given(openais)
def test_the_adapter_of_the_protocol_reads_the_answer_that_was_told(
    parts: list[Part],
) -> None:
    called = any(isinstance(part, ToolCall) for part in parts)
    choice = Choice(tuple(parts), "tool_calls" if called else "stop")
    result = ChatResult(choices=(choice,), tokens=TOKENS)

    read = adapter.parse_result(dialect.build_response(result, "a", 0, "m"))

    assert [without_ids(part) for part in read.choices[0].parts] == [
        without_ids(part) for part in parts
    ]
    assert read.choices[0].finish_reason == choice.finish_reason
    assert read.tokens == TOKENS


@given(openais)
def test_the_adapter_of_the_protocol_reads_the_stream_that_was_told(
    parts: list[Part],
) -> None:
    called = any(isinstance(part, ToolCall) for part in parts)
    *chunks, _ = chunks_of(parts)
    chunks += [Finished("tool_calls" if called else "stop"), Used(TOKENS)]
    builder = dialect.StreamBuilder("a", 0, "m", with_usage=True)

    written = b"".join([*map(builder.write, chunks), builder.close()])

    began, *read = adapter.StreamParser().read(written)
    assert began == Began("resp_a", "m")
    assert [without_ids(chunk) for chunk in read] == [
        *(without_ids(chunk) for chunk in chunks[1:]),
        Ended(),
    ]


def without_ids(told: Any) -> Any:
    """Return reasoning without the id of its item, which every answer gives anew."""
    if not getattr(told, "sealed", ""):
        return told
    held = orjson.loads(told.sealed)["encrypted_content"]
    return msgspec.structs.replace(told, sealed=held)
