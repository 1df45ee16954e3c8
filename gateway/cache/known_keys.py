"""Keys worked out before, for requests that say the same in the same words.

A key is worked out of what a request means, which takes longer than all else that a known
answer needs. Who repeats a request repeats its words: their members, byte for byte, and
all else that a key is made of (`keys.py`) lead to the key without reading them again.
"""

from collections.abc import Hashable
from types import ModuleType

from gateway.cache.keys import key_for
from gateway.candidates import Candidates
from gateway.configuration.derived import Derived
from gateway.types import InferenceRequest

# Both together bound the memory: there is room for twice as many.
_MAX_BYTES = 4_096
_MAX_KEYS = 1_000


class KnownKeys:
    """Belongs to one process and its secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        # With the records whose identity stands for them.
        self._keys: Derived[Hashable, tuple[str, object]] = Derived(_MAX_KEYS)

    def key_for(
        self,
        project_id: int,
        request: InferenceRequest,
        candidates: Candidates,
        dialect: ModuleType,
    ) -> str:
        """Return the key of the request's answer within the project."""
        if request.size > _MAX_BYTES or request.context is not None:
            return key_for(project_id, request, candidates, dialect, self._secret)
        able = candidates.able
        words = (
            project_id,
            request.operation,
            request.dialect,
            # The body is read from the same bytes.
            tuple(request.fields.items()),
            request.forwarded,
            request.preferences,
            request.effort,
            request.strict_params,
            candidates.strategy,
            id(candidates.defaults),
            tuple(
                [
                    (c.turn, c.priority, c.weight, id(c.model), id(c.endpoint))
                    for c in able
                ]
            ),
        )
        known = self._keys.get(words)
        if known is None:
            key = key_for(project_id, request, candidates, dialect, self._secret)
            models = [(c.model, c.endpoint) for c in able]
            known = (key, (candidates.defaults, models))
            self._keys.put(words, known)
        return known[0]
