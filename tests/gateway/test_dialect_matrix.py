"""Every official client against every protocol of a provider, through real HTTP."""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import anthropic
import openai
import pytest
from google import genai
from google.genai import types

from catalog.models import Provider
from catalog.protocols import OPERATION_OF
from gateway.simulator import Simulator
from tests.factories import (
    AIModelFactory,
    CredentialFactory,
    EndpointFactory,
    PriceFactory,
    ProviderFactory,
)
from tests.gateway.live import LiveGateway

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"place": {"type": "string"}},
    "required": ["place"],
}

# Protocol: path of its endpoint, how it wants the credential.
PROTOCOLS = {
    "openai_chat": ("/v1/chat/completions", "bearer"),
    "openai_responses": ("/v1/responses", "bearer"),
    "anthropic_messages": ("/v1/messages", "header:x-api-key"),
    "gemini_generate": (
        "/v1beta/models/{model}:generateContent",
        "header:x-goog-api-key",
    ),
    "cohere_chat": ("/v2/chat", "bearer"),
}


@pytest.fixture(params=PROTOCOLS)
def model(
    request: pytest.FixtureRequest, live: LiveGateway, upstream: Simulator
) -> str:
    """The simulator as a provider that speaks one protocol, and a model of it."""
    return offered(live, upstream, request.param, "sim-chat")


def offered(
    live: LiveGateway, upstream: Simulator, protocol: str, model_id: str
) -> str:
    pattern, auth = PROTOCOLS[protocol]
    slug = protocol.replace("_", "-")
    provider = Provider.objects.filter(slug=slug).first()
    if provider is None:
        provider = ProviderFactory.create(
            slug=slug,
            base_url=upstream.url,
            handler=protocol,
            auth=auth,
            allow_private_addresses=True,
        )
        EndpointFactory.create(
            provider=provider, operation=OPERATION_OF[protocol], pattern=pattern
        )
        CredentialFactory.create(provider=provider, value="sk-of-the-platform-123456")
    row = AIModelFactory.create(
        provider=provider,
        model_id=model_id,
        operations=[OPERATION_OF[protocol]],
        max_output_tokens=4096,
    )
    for component in ("input", "output"):
        PriceFactory.create(model=row, component=component, per_million=Decimal(1))
    live.caught_up()
    return f"{slug}/{model_id}"


class OpenAIClient:
    """What the tests ask, in the words of the `openai` package."""

    failure = openai.APIError

    def __init__(self, url: str, key: str) -> None:
        self._client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)
        self._tools: Any = [
            {
                "type": "function",
                "function": {"name": name, "parameters": SCHEMA},
            }
            for name in ("weather", "clock")
        ]

    def close(self) -> None:
        self._client.close()

    def say(self, model: str, *turns: str, system: str = "") -> str:
        reply = self._client.chat.completions.create(
            model=model, messages=self._messages(turns, system)
        )
        assert reply.usage is not None
        assert reply.usage.total_tokens > 0
        return reply.choices[0].message.content or ""

    def stream(self, model: str, *turns: str) -> str:
        chunks = self._client.chat.completions.create(
            model=model, messages=self._messages(turns, ""), stream=True
        )
        return "".join(c.delta.content or "" for chunk in chunks for c in chunk.choices)

    def calls(self, model: str, text: str) -> list[tuple[str, dict[str, Any]]]:
        reply = self._client.chat.completions.create(
            model=model, messages=self._messages([text], ""), tools=self._tools
        )
        choice = reply.choices[0]
        assert choice.finish_reason == "tool_calls"
        return [
            (call.function.name, json.loads(call.function.arguments))
            for call in choice.message.tool_calls or []
            if call.type == "function"
        ]

    def stream_calls(self, model: str, text: str) -> list[tuple[str, dict[str, Any]]]:
        chunks = self._client.chat.completions.create(
            model=model,
            messages=self._messages([text], ""),
            tools=self._tools,
            stream=True,
        )
        found: dict[int, list[str]] = {}
        for chunk in chunks:
            for choice in chunk.choices:
                for call in choice.delta.tool_calls or []:
                    assert call.function is not None
                    one = found.setdefault(call.index, ["", ""])
                    one[0] += call.function.name or ""
                    one[1] += call.function.arguments or ""
        return [(name, json.loads(text)) for name, text in found.values()]

    def answer_call(self, model: str) -> str:
        messages = self._messages(["call a tool"], "")
        first = self._client.chat.completions.create(
            model=model, messages=messages, tools=self._tools
        )
        message = first.choices[0].message
        assert message.tool_calls is not None
        result: Any = {
            "role": "tool",
            "tool_call_id": message.tool_calls[0].id,
            "content": "sunny in Oslo",
        }
        said: Any = message.model_dump(exclude_none=True)
        reply = self._client.chat.completions.create(
            model=model,
            messages=[*messages, said, result],
            tools=self._tools,
        )
        return reply.choices[0].message.content or ""

    def _messages(self, turns: Any, system: str) -> Any:
        roles = ["user", "assistant"] * len(turns)
        messages = [
            {"role": role, "content": text}
            for role, text in zip(roles, turns, strict=False)
        ]
        return (
            [{"role": "system", "content": system}, *messages] if system else messages
        )


class AnthropicClient:
    """The same in the words of the `anthropic` package."""

    failure = anthropic.APIError

    def __init__(self, url: str, key: str) -> None:
        self._client = anthropic.Anthropic(base_url=url, api_key=key, max_retries=0)
        self._tools: Any = [
            {"name": name, "input_schema": SCHEMA} for name in ("weather", "clock")
        ]

    def close(self) -> None:
        self._client.close()

    def say(self, model: str, *turns: str, system: str = "") -> str:
        reply = self._client.messages.create(
            model=model, max_tokens=400, messages=self._messages(turns), system=system
        )
        assert reply.usage.output_tokens > 0
        return self._text(reply)

    def stream(self, model: str, *turns: str) -> str:
        with self._client.messages.stream(
            model=model, max_tokens=400, messages=self._messages(turns)
        ) as stream:
            return self._text(stream.get_final_message())

    def calls(self, model: str, text: str) -> list[tuple[str, dict[str, Any]]]:
        reply = self._client.messages.create(
            model=model,
            max_tokens=400,
            messages=self._messages([text]),
            tools=self._tools,
        )
        assert reply.stop_reason == "tool_use"
        return self._calls(reply)

    def stream_calls(self, model: str, text: str) -> list[tuple[str, dict[str, Any]]]:
        with self._client.messages.stream(
            model=model,
            max_tokens=400,
            messages=self._messages([text]),
            tools=self._tools,
        ) as stream:
            return self._calls(stream.get_final_message())

    def answer_call(self, model: str) -> str:
        messages = self._messages(["call a tool"])
        first = self._client.messages.create(
            model=model, max_tokens=400, messages=messages, tools=self._tools
        )
        call = next(block for block in first.content if block.type == "tool_use")
        result: Any = {
            "type": "tool_result",
            "tool_use_id": call.id,
            "content": "sunny in Oslo",
        }
        said: Any = [block.model_dump(exclude_none=True) for block in first.content]
        reply = self._client.messages.create(
            model=model,
            max_tokens=400,
            tools=self._tools,
            messages=[
                *messages,
                {"role": "assistant", "content": said},
                {"role": "user", "content": [result]},
            ],
        )
        return self._text(reply)

    def _messages(self, turns: Any) -> Any:
        roles = ["user", "assistant"] * len(turns)
        return [{"role": r, "content": t} for r, t in zip(roles, turns, strict=False)]

    def _text(self, reply: Any) -> str:
        return "".join(block.text for block in reply.content if block.type == "text")

    def _calls(self, reply: Any) -> list[tuple[str, dict[str, Any]]]:
        return [(b.name, b.input) for b in reply.content if b.type == "tool_use"]


class GeminiClient:
    """The same in the words of the `google-genai` package."""

    failure = genai.errors.APIError

    def __init__(self, url: str, key: str) -> None:
        self._client = genai.Client(
            api_key=key, http_options=types.HttpOptions(base_url=url)
        )
        functions: Any = [
            types.FunctionDeclaration(name=name, parameters_json_schema=SCHEMA)
            for name in ("weather", "clock")
        ]
        self._tools: Any = [types.Tool(function_declarations=functions)]

    def close(self) -> None:
        self._client.close()

    def say(self, model: str, *turns: str, system: str = "") -> str:
        config = types.GenerateContentConfig(system_instruction=system or None)
        reply = self._client.models.generate_content(
            model=model, contents=self._contents(turns), config=config
        )
        assert reply.usage_metadata is not None
        assert (reply.usage_metadata.total_token_count or 0) > 0
        return reply.text or ""

    def stream(self, model: str, *turns: str) -> str:
        chunks = self._client.models.generate_content_stream(
            model=model, contents=self._contents(turns)
        )
        return "".join(chunk.text or "" for chunk in chunks)

    def calls(self, model: str, text: str) -> list[tuple[str, dict[str, Any]]]:
        reply = self._client.models.generate_content(
            model=model, contents=self._contents([text]), config=self._config()
        )
        return self._calls([reply])

    def stream_calls(self, model: str, text: str) -> list[tuple[str, dict[str, Any]]]:
        chunks = self._client.models.generate_content_stream(
            model=model, contents=self._contents([text]), config=self._config()
        )
        return self._calls(chunks)

    def answer_call(self, model: str) -> str:
        contents = self._contents(["call a tool"])
        first = self._client.models.generate_content(
            model=model, contents=contents, config=self._config()
        )
        call = (first.function_calls or [])[0]
        assert first.candidates is not None
        response = types.FunctionResponse(
            id=call.id, name=call.name, response={"output": "sunny in Oslo"}
        )
        reply = self._client.models.generate_content(
            model=model,
            config=self._config(),
            contents=[
                *contents,
                first.candidates[0].content,
                types.Content(
                    role="user", parts=[types.Part(function_response=response)]
                ),
            ],
        )
        return reply.text or ""

    def _config(self) -> types.GenerateContentConfig:
        return types.GenerateContentConfig(
            tools=self._tools,
            automatic_function_calling=types.AutomaticFunctionCallingConfig(
                disable=True
            ),
        )

    def _contents(self, turns: Any) -> Any:
        roles = ["user", "model"] * len(turns)
        return [
            types.Content(role=role, parts=[types.Part(text=text)])
            for role, text in zip(roles, turns, strict=False)
        ]

    def _calls(self, replies: Any) -> list[tuple[str, dict[str, Any]]]:
        return [
            (call.name, call.args)
            for reply in replies
            for call in reply.function_calls or []
        ]


Asking = OpenAIClient | AnthropicClient | GeminiClient
CLIENTS: list[Callable[[str, str], Asking]] = [
    OpenAIClient,
    AnthropicClient,
    GeminiClient,
]


@pytest.fixture(params=CLIENTS, ids=["openai", "anthropic", "gemini"])
def asking(
    request: pytest.FixtureRequest, live: LiveGateway, key: str
) -> Iterator[Asking]:
    """An official client, with nothing but its address and key changed."""
    made: Asking = request.param(live.url, key)
    yield made
    made.close()


def test_a_question_is_answered(asking: Asking, model: str) -> None:
    assert "You wrote: Hello there" in asking.say(model, "Hello there")


def test_a_conversation_with_a_system_message_is_answered(
    asking: Asking, model: str
) -> None:
    text = asking.say(model, "Hello", "Hi!", "And now?", system="Be brief.")

    assert "You wrote: And now?" in text


def test_a_streamed_answer_is_put_together_again(asking: Asking, model: str) -> None:
    assert "You wrote: Hello there" in asking.stream(model, "Hello there")


def test_a_tool_is_called_with_arguments_that_fit_its_schema(
    asking: Asking, model: str
) -> None:
    [(name, arguments)] = asking.calls(model, "call a tool")

    assert name == "weather"
    assert isinstance(arguments["place"], str)


def test_two_tools_are_called_in_one_stream(asking: Asking, model: str) -> None:
    calls = asking.stream_calls(model, "call two tools")

    assert [name for name, _ in calls] == ["weather", "clock"]
    assert all(isinstance(arguments["place"], str) for _, arguments in calls)


def test_the_result_of_a_tool_is_taken_into_account(asking: Asking, model: str) -> None:
    assert "sunny in Oslo" in asking.answer_call(model)


@pytest.mark.parametrize("kind", ["500", "429", "error-midstream", "truncate"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_stream_that_fails_is_an_error_of_the_client(
    asking: Asking,
    live: LiveGateway,
    upstream: Simulator,
    protocol: str,
    kind: str,
) -> None:
    model = offered(live, upstream, protocol, f"sim-fault-{kind}")

    with pytest.raises(asking.failure):
        asking.stream(model, "Hello there")
