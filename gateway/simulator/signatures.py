"""Signatures under thoughts: they prove that a thought comes back as it was given."""

import base64
import binascii
import hashlib

from gateway.simulator.behaviour import split_suffix

_SALT = 6
_SEAL = 24


def signature_of(protocol: str, model: str, thought: str, prompt: str) -> str:
    """Return a signature that holds for this protocol, model and thought alone."""
    salt = hashlib.blake2b(prompt.encode("utf-8", "replace"), digest_size=_SALT)
    return _signed(protocol, model, thought, salt.digest())


def is_signed(protocol: str, model: str, thought: str, signature: object) -> bool:
    if not isinstance(signature, str):
        return False
    try:
        salt = base64.b64decode(signature, validate=True)[:_SALT]
    except (binascii.Error, ValueError):
        return False
    return _signed(protocol, model, thought, salt) == signature


def _signed(protocol: str, model: str, thought: str, salt: bytes) -> str:
    base, _ = split_suffix(model)
    sealed = "\0".join((protocol, base, thought)).encode("utf-8", "replace")
    seal = hashlib.blake2b(sealed, digest_size=_SEAL, key=salt).digest()
    return base64.b64encode(salt + seal).decode()
