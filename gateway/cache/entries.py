"""An answer as it is kept: in clear in the memory of a process, sealed everywhere else."""

import hmac
import time
from collections.abc import Mapping
from decimal import Decimal

import msgspec

from gateway.canonical import ChatResult
from gateway.configuration.records import ProjectRecord
from gateway.types import InferenceRequest
from tenants.encryption import Place, Unsealable, seal_bytes, unseal_bytes
from usage.tokens import Tokens

MAX_BYTES = 1024 * 1024

# What a purge is of; all of the project, an alias, a model.
EVERYTHING = ""
_ALIAS = "alias:"
_MODEL = "model:"

_TABLE = "usage_cacheentry"
_OVERHEAD = 800


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A complete answer, and where it came from.

    `body` is in `dialect`, as a client got it that had sent the headers `forwarded`; a
    stream leaves none. `result` is there
    for conversations, and can be told again in every dialect. `asked_at` is when it was
    asked for, which is what a purge looks at.
    """

    key: str
    project_id: int
    operation: str
    alias: str
    provider: str
    model_id: str
    model_pk: int
    dialect: str
    forwarded: tuple[tuple[str, str], ...]
    body: bytes | None
    content_type: bytes
    result: ChatResult | None
    tokens: Tokens
    dropped: tuple[str, ...]
    cost_usd: Decimal | None
    asked_at: float
    expires_at: float

    @property
    def size(self) -> int:
        """Return about how much memory it takes."""
        result = self.result
        text = 0 if result is None else len(msgspec.msgpack.encode(result))
        return _OVERHEAD + len(self.body or b"") + 2 * text

    def body_for(self, request: InferenceRequest) -> bytes | None:
        """Return the answer as it was given, if the request asks for it in that form."""
        is_same = (self.dialect, self.forwarded) == (request.dialect, request.forwarded)
        return self.body if is_same else None

    def serves(self, key: str, project: ProjectRecord, oldest: float) -> bool:
        """Say whether it is what the key names, and may still be given to the project."""
        return (
            self.key == key
            and self.project_id == project.id
            and self.expires_at > time.time()
            and self.asked_at >= oldest
            and not self._is_purged(project.cache_purges)
        )

    def _is_purged(self, purges: Mapping[str, float]) -> bool:
        if not purges:
            return False
        names = (
            EVERYTHING,
            _ALIAS + self.alias,
            f"{_MODEL}{self.provider}/{self.model_id}",
        )
        return any(purges.get(name, 0.0) >= self.asked_at for name in names)


_encode = msgspec.msgpack.Encoder(decimal_format="string").encode
_decode = msgspec.msgpack.Decoder(Entry).decode


def sealing_key(data_key: bytes) -> bytes:
    """Return the key under which a project's answers are sealed."""
    return hmac.digest(data_key, b"signalbox answer cache 1", "sha256")


def seal_entry(entry: Entry, sealing: bytes) -> bytes:
    place = _place(entry.key, entry.project_id)
    return seal_bytes(_encode(entry), sealing, place)


def open_entry(
    sealed: bytes, key: str, project_id: int, sealing: bytes
) -> Entry | None:
    """Return the entry; None for what is damaged, or was put there for another."""
    try:
        return _decode(unseal_bytes(sealed, sealing, _place(key, project_id)))
    except (Unsealable, msgspec.MsgspecError):
        return None


def _place(key: str, project_id: int) -> Place:
    return Place(_TABLE, key, "sealed", str(project_id))
