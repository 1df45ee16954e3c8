"""Embeddings: texts that share words and their parts lie close to one another."""

import hashlib
import math

_PART = 3


def vector_of(text: str, dimensions: int) -> list[float]:
    """Return a vector of length one, the same for the same text."""
    vector = [0.0] * dimensions
    for word in text.lower().split() or [""]:
        _add(vector, word, 1.0)
        for at in range(len(word) - _PART + 1):
            _add(vector, f"\0{word[at : at + _PART]}", 0.5)
    length = math.sqrt(sum(value * value for value in vector))
    if not length:
        return [1.0, *vector[1:]]
    return [value / length for value in vector]


def _add(vector: list[float], feature: str, weight: float) -> None:
    digest = hashlib.blake2b(feature.encode("utf-8", "replace"), digest_size=5).digest()
    sign = 1 if digest[4] & 1 else -1
    vector[int.from_bytes(digest[:4]) % len(vector)] += sign * weight
