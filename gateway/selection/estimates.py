"""What a request will use and cost, before anybody is asked. Nothing here asks anybody."""

from decimal import Decimal
from typing import Any

import msgspec

from gateway.configuration.records import ModelRecord
from gateway.selection.needs import MEDIA, is_written
from gateway.selection.text_tokens import family_factor, tokens_in
from gateway.types import InferenceRequest
from usage.costs import PriceSheet, cost_of
from usage.tokens import Tokens, estimate_tokens

# An answer of unknown length is taken for so long.
USUAL_OUTPUT_TOKENS = 400
# What holds text for the model to read, and what is read as the JSON that it is.
_TEXTS = (
    "messages",
    "prompt",
    "system",
    "systemPrompt",
    "input",
    "instructions",
    "contents",
    "content",
    "systemInstruction",
    "system_instruction",
    "query",
    "documents",
)
_OBJECTS = ("tools", "functions", "response_format", "responseFormat", "text")
_JSON_BYTES_PER_TOKEN = 3.6
_TOKENS_AROUND_A_MESSAGE = 4
# Media by the name of the member that holds them: tokens at least, and for each
# character of their base64.
_MEDIA = {
    "image_url": (1_000, 0.0),
    "image": (1_000, 0.0),
    "input_audio": (100, 0.0015),
    "file": (1_000, 0.03),
    "document": (1_000, 0.03),
    "inlineData": (1_000, 0.0),
    "inline_data": (1_000, 0.0),
    "fileData": (1_000, 0.0),
    "file_data": (1_000, 0.03),
}
_PARTS = {"input_image": "image", "input_file": "file", "image": "image"}
# Below this a body is mostly the text that it holds.
_LARGE = 65_536
_CONVERSATIONS = frozenset({"chat", "responses"})
# Of a body in more pieces than this not each is looked at.
_MOST_NODES = 20_000


class Estimate(msgspec.Struct, frozen=True):
    """Tokens and USD: at the least, as expected, and at the most; None: not known."""

    input_tokens: int
    output_tokens: int
    max_output_tokens: int | None
    min_usd: Decimal | None
    expected_usd: Decimal | None
    max_usd: Decimal | None


def input_estimate(request: InferenceRequest, needs: frozenset[str]) -> int:
    """Return about how many tokens are sent, as quickly as that can be said.

    A quarter of the bytes where the body is text; what holds media is read.
    """
    size = request.size
    if size < _LARGE and MEDIA.isdisjoint(needs):
        return estimate_tokens(size)
    return read_input(request)


def read_input(request: InferenceRequest) -> int:
    """Return about how many tokens are sent, by reading the text, if it can be read."""
    body = request.body
    counted = 0.0
    for name in _TEXTS:
        if (value := body.get(name)) is not None:
            tokens = _tokens_of(value)
            if tokens is None:
                return estimate_tokens(request.size)
            counted += tokens
    if request.operation in _CONVERSATIONS:
        for name in _OBJECTS:
            if (field := request.fields.get(name)) is not None:
                counted += len(field) / _JSON_BYTES_PER_TOKEN
    return max(1, round(counted))


def read_all_input(request: InferenceRequest) -> int:
    """Return the same with the context of the end user, where one is put before it."""
    read = read_input(request)
    return read if request.context is None else read + int(request.context.tokens)


def estimate_for(
    request: InferenceRequest,
    input_tokens: int,
    model: ModelRecord,
    prices: PriceSheet | None,
) -> Estimate:
    """Return the estimate for one model; `input_tokens` is before its family's factor."""
    sent = round(input_tokens * family_factor(model.model_id))
    if request.operation not in _CONVERSATIONS:
        usd = _cost_without_answer(request, sent, prices)
        return Estimate(sent, 0, 0, usd, usd, usd)
    most = _most_output(request, model)
    expected = expected_output(request, model)
    return Estimate(
        sent,
        expected,
        most,
        _cost(sent, 1, prices),
        _cost(sent, expected, prices),
        None if most is None else _cost(sent, most, prices),
    )


def expected_output(request: InferenceRequest, model: ModelRecord) -> int:
    """Return how long an answer is taken to become."""
    most = _most_output(request, model)
    return USUAL_OUTPUT_TOKENS if most is None else min(most, USUAL_OUTPUT_TOKENS)


def _most_output(request: InferenceRequest, model: ModelRecord) -> int | None:
    if request.max_output_tokens is None:
        return model.max_output_tokens
    return request.max_output_tokens


def _cost(sent: int, received: int, prices: PriceSheet | None) -> Decimal | None:
    cost = cost_of(Tokens(input=sent, output=received), prices)
    return None if cost is None else cost.usd


def _cost_without_answer(
    request: InferenceRequest, sent: int, prices: PriceSheet | None
) -> Decimal | None:
    """Return the cost of what is sold by the piece, else that of the text sent."""
    if prices is None:
        return None
    rates = prices.tiers[-1].rates
    tokens = Tokens(input=sent)
    if units := {n: amount for n, amount in request.units.items() if n in rates}:
        tokens = Tokens(other=units)
    cost = cost_of(tokens, prices)
    return None if cost is None else cost.usd


def _tokens_of(value: Any) -> float | None:
    """Return the tokens of all text in a value; media are guessed at.

    None for a value in too many pieces.
    """
    counted = 0.0
    waiting: list[Any] = [value]
    left = _MOST_NODES
    while waiting:
        left -= 1
        if left < 0:
            return None
        node = waiting.pop()
        if type(node) is str:
            counted += tokens_in(node)
        elif type(node) is int:
            # Embeddings may be asked for tokens by their numbers.
            counted += 1
        elif type(node) is list:
            waiting += node
        elif type(node) is dict:
            if (known := _media_in(node)) is not None:
                counted += known
                continue
            if "role" in node:
                counted += _TOKENS_AROUND_A_MESSAGE
            waiting += [v for name, v in node.items() if name not in _UNREAD]
    return counted


# Members of messages and parts that are no text for the model.
_UNREAD = frozenset(
    {"role", "type", "id", "cache_control", "signature", "thoughtSignature"}
    | {"encrypted_content", "tool_call_id", "tool_use_id", "call_id", "status"}
)


def _media_in(part: dict[str, Any]) -> float | None:
    """Return what a part costs that is a picture, sound or file; None for others."""
    kind = part.get("type")
    if is_written(part):
        return None
    for name in (kind if type(kind) is str else "", *_BLOBS):
        found = _MEDIA.get(_PARTS.get(name, name))
        if found is not None and (name == kind or name in part):
            least, per_character = found
            held = part.get(name, part)
            return max(least, _longest_text(held) * per_character)
    return None


_BLOBS = ("inlineData", "inline_data", "fileData", "file_data")


def _longest_text(value: Any) -> int:
    if type(value) is str:
        return len(value)
    if type(value) is dict:
        return max(map(_longest_text, value.values()), default=0)
    return 0
