"""What a provider calls a vector may be anything."""

import asyncio
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from gateway.context.embedding import embed
from gateway.types import UpstreamReply


def embedded(vector: Any) -> list[list[float]]:
    """Embed a text where the provider answers with this."""
    body = orjson.dumps({"data": [{"index": 0, "embedding": vector}]})
    model = SimpleNamespace(name="acme/vectors")
    answer = SimpleNamespace(
        reply=UpstreamReply(body=body, tokens=None),
        candidate=SimpleNamespace(model=model),
    )

    async def serve(*_: object) -> Any:
        return SimpleNamespace(answer=answer)

    key: Any = None
    _, found = asyncio.run(embed(["text"], key, None, serve))
    return found


def test_a_vector_is_one_of_numbers() -> None:
    assert embedded([1, -0.5]) == [[1, -0.5]]


@pytest.mark.parametrize(
    "vector", [None, "x", {}, [], [None], ["1"], [True], [1e39], [0.1] * 16_001]
)
def test_what_is_no_vector_is_refused(vector: Any) -> None:
    with pytest.raises(ValueError, match="where a vector belongs"):
        embedded(vector)
