"""An answer as it is kept: the bytes that were sent, and its usage event, sealed."""

import hmac

import msgspec

from tenants.encryption import Place, Unsealable, seal_bytes, unseal_bytes
from usage.idempotent_answers import Claim
from usage.records import EventRecord

# What is larger is not kept.
MAX_BYTES = 16 * 1024 * 1024

_TABLE = "usage_idempotentanswer"


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A complete answer: what was sent, but for the header lines of one request alone.

    `event` is that of the attempt which gave it, and `event.saved_usd` what it cost.
    """

    status: int
    head: tuple[bytes, ...]
    body: bytes
    is_stream: bool
    event: EventRecord


_encode = msgspec.msgpack.Encoder(decimal_format="string").encode
_decode = msgspec.msgpack.Decoder(Kept).decode


def sealing_key(data_key: bytes) -> bytes:
    """Return the key under which a project's answers are sealed."""
    return hmac.digest(data_key, b"signalbox idempotency 1", "sha256")


def seal_kept(kept: Kept, claim: Claim, sealing: bytes) -> bytes:
    return seal_bytes(_encode(kept), sealing, _place(claim))


def open_kept(sealed: bytes, claim: Claim, sealing: bytes) -> Kept | None:
    """Return the answer; None for what is damaged, or was put there for another."""
    try:
        return _decode(unseal_bytes(sealed, sealing, _place(claim)))
    except (Unsealable, msgspec.MsgspecError):
        return None


def _place(claim: Claim) -> Place:
    """Return where the answer belongs: to this key, and to this request with it."""
    row = f"{claim.digest}:{claim.fingerprint}"
    return Place(_TABLE, row, "sealed", str(claim.project_id))
