"""What a request will use and cost, before anybody is asked."""

from decimal import Decimal
from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from gateway.selection.estimates import (
    USUAL_OUTPUT_TOKENS,
    estimate_for,
    input_estimate,
    read_input,
)
from gateway.selection.needs import needs_of
from gateway.selection.text_tokens import family_factor, tokens_in
from gateway.strict_json import fields_of
from gateway.types import InferenceRequest
from tests.gateway.records import model, request
from usage.costs import price_sheet

PICTURE = "data:image/png;base64," + "A" * 400_000

# How many tokens one sentence was published to be, in several languages.
COUNTED = [
    (
        "Hello, my name is GPT-4o. I'm a new type of language model, it's nice to meet you!",
        24,
    ),
    (
        "Hola, me llamo GPT-4o. Soy un nuevo tipo de modelo de lenguaje, ¡es un placer conocerte!",
        26,
    ),
    (
        "Привет, меня зовут GPT-4o. Я — новая языковая модель, приятно познакомиться!",
        30,
    ),
    ("你好,我的名字是GPT-4o。我是一种新型的语言模型,很高兴见到你!", 24),
    (
        "안녕하세요, 제 이름은 GPT-4o입니다. 저는 새로운 유형의 언어 모델입니다, 만나서 반갑습니다!",  # noqa: E501
        27,
    ),
]


# What is not prose, with the tokens that OpenAI's vocabulary makes of it.
CODE = """def total(prices: list[float]) -> float:
    \"\"\"Return the sum.\"\"\"
    result = 0.0
    for price in prices:
        result += price
    return result
"""
JSON = (
    '{"id": 17, "name": "Blue chair", "price": 49.90, "tags": ["home", "sale"], '
    '"created_at": "2026-01-12T10:00:00Z"}'
)
HTML = """<table class="list">
  <tr>
    <td><a href="/orders/12/">Order 12</a></td>
  </tr>
</table>
"""
COUNTED += [(CODE, 41), (JSON, 49), (HTML, 35)]


def asked(body: dict[str, Any], **changes: Any) -> InferenceRequest:
    raw = orjson.dumps(body)
    operation = changes.pop("operation", "chat")
    made = replace(request("fast", body=body, **changes), operation=operation)
    made.fields, made.size = fields_of(raw), len(raw)
    return made


def chat(content: Any, **changes: Any) -> InferenceRequest:
    return asked({"messages": [{"role": "user", "content": content}]}, **changes)


@pytest.mark.parametrize(("text", "tokens"), COUNTED)
def test_a_text_of_any_script_is_counted_about_right(text: str, tokens: int) -> None:
    assert tokens_in(text) == pytest.approx(tokens, rel=0.3)


def test_a_long_text_is_counted_by_its_ends() -> None:
    short = "The quick brown fox jumps over the lazy dog. "

    assert tokens_in(short * 1_000) == pytest.approx(1_000 * tokens_in(short), rel=0.02)


def test_a_family_that_cuts_finer_has_more_tokens() -> None:
    assert family_factor("claude-opus-9") > family_factor("gpt-9") == 1


def test_a_plain_body_is_a_quarter_of_its_bytes() -> None:
    plain = chat("Hello there, how are you today?")

    assert input_estimate(plain, needs_of(plain)) == plain.size // 4


def test_a_picture_is_not_counted_as_the_text_that_carries_it() -> None:
    picture = {"type": "image_url", "image_url": {"url": PICTURE}}
    with_it = chat([{"type": "text", "text": "What is this?"}, picture])

    assert needs_of(with_it) == {"vision"}
    assert 1_000 < input_estimate(with_it, needs_of(with_it)) < 1_100


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image", "source": {"type": "base64", "data": "A" * 40_000}},
        {"type": "input_image", "image_url": PICTURE},
        {"type": "input_audio", "input_audio": {"data": "A" * 400_000}},
        {"type": "file", "file": {"file_data": "A" * 40_000}},
        {"inlineData": {"mimeType": "image/png", "data": "A" * 400_000}},
    ],
)
def test_media_cost_far_less_than_their_bytes(part: dict[str, Any]) -> None:
    assert 100 <= read_input(chat([part])) <= 1_300


def test_a_document_that_is_written_out_is_read() -> None:
    source = {"type": "text", "media_type": "text/plain", "data": "word " * 2_000}

    tokens = read_input(chat([{"type": "document", "source": source}]))

    assert tokens == pytest.approx(2_270, rel=0.05)


def test_tools_count_as_well() -> None:
    tool = {"type": "function", "function": {"name": "f", "description": "x" * 3_600}}

    without = read_input(chat("Hi"))
    body = {"messages": [{"role": "user", "content": "Hi"}], "tools": [tool]}

    assert read_input(asked(body)) - without == pytest.approx(1_000, rel=0.1)


def test_the_cost_is_told_from_one_token_of_answer_to_the_longest() -> None:
    offered = model(1, usd="2", max_output_tokens=10_000)
    prices = offered.sheet_at(1.0)

    found = estimate_for(chat("Hi"), 1_000, offered, prices)

    assert (found.output_tokens, found.max_output_tokens) == (400, 10_000)
    assert found.min_usd == Decimal("0.002002")
    assert found.expected_usd == Decimal("0.0028")
    assert found.max_usd == Decimal("0.022")


def test_what_the_request_allows_bounds_the_answer() -> None:
    found = estimate_for(chat("Hi", max_output_tokens=50), 100, model(1), None)

    assert (found.output_tokens, found.max_output_tokens) == (50, 50)
    assert found.min_usd is found.expected_usd is found.max_usd is None


def test_an_answer_without_a_bound_may_cost_anything() -> None:
    offered = model(1)

    found = estimate_for(chat("Hi"), 100, offered, offered.sheet_at(1.0))

    assert found.output_tokens == USUAL_OUTPUT_TOKENS
    assert found.max_output_tokens is None
    assert found.max_usd is None


def test_long_inputs_are_priced_as_such() -> None:
    rows = [
        (1, "input", 0, Decimal("0.000001")),
        (2, "output", 0, Decimal("0.000001")),
        (3, "input", 1_000, Decimal("0.000002")),
    ]
    prices = price_sheet(rows)

    found = estimate_for(chat("Hi", max_output_tokens=1), 2_000, model(1), prices)

    assert found.min_usd == Decimal("0.004001")


def test_what_is_sold_by_the_piece_is_known_exactly() -> None:
    prices = price_sheet([(1, "character", 0, Decimal("0.00001"))])
    speech = replace(chat("Hi"), operation="speech", units={"character": 250})

    found = estimate_for(speech, 60, model(1), prices)

    assert found.min_usd == found.expected_usd == found.max_usd == Decimal("0.0025")


def test_a_body_in_very_many_pieces_is_not_read_piece_by_piece() -> None:
    many = asked({"input": ["a"] * 30_000}, operation="embeddings")

    assert read_input(many) == many.size // 4
