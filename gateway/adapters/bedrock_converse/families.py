"""What the models of different makers accept, told by their ids.

Source: https://docs.aws.amazon.com/bedrock/latest/userguide/
conversation-inference-supported-models-features.html
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

import msgspec

Maker = Literal["claude", "nova", "nova2", "gpt_oss", "mistral", "cohere", "llama", ""]

_MAKERS: tuple[tuple[str, Maker], ...] = (
    ("claude-", "claude"),
    ("amazon.nova-2", "nova2"),
    ("amazon.nova", "nova"),
    ("openai.gpt-oss", "gpt_oss"),
    ("mistral.", "mistral"),
    ("cohere.", "cohere"),
    ("meta.llama", "llama"),
)
# Others than Claude whose answers can be bound to a schema.
_BOUND = re.compile(
    r"gpt-oss|qwen3|deepseek\.v3|gemma-3|nemotron|minimax\.|moonshot|kimi"
    r"|ministral-3|magistral|voxtral|mistral-large-3"
)


class Family(msgspec.Struct, frozen=True):
    """`top_k` is what the maker calls it, empty where there is none."""

    maker: Maker = ""
    top_k: str = ""
    has_schemas: bool = False
    can_force: bool = True
    caches: bool = False
    hears: bool = True


@lru_cache(maxsize=1024)
def family_of(model_id: str) -> Family:
    """Return how the model takes parameters; inference profiles and ARNs included."""
    lowered = model_id.lower()
    makers: Iterator[Maker] = (maker for mark, maker in _MAKERS if mark in lowered)
    maker: Maker = next(makers, "")
    return Family(
        maker=maker,
        top_k={"claude": "top_k", "mistral": "top_k", "cohere": "k"}.get(maker, ""),
        has_schemas=_BOUND.search(lowered) is not None,
        can_force=maker not in {"llama", "cohere"},
        caches=maker in {"claude", "nova", "nova2"},
        hears=maker not in {"claude", "llama", "cohere"},
    )
