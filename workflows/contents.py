"""What people and models say, sealed with the data key of the project it belongs to."""

import base64
import hashlib
import hmac
import threading
import time
from collections import OrderedDict
from typing import Any

import orjson

from tenants.encryption import (
    Place,
    data_key_by_project_id,
    seal_bytes,
    unseal_bytes,
)

_KEPT_S = 300.0
_MAX_KEPT = 1_000

_keys: OrderedDict[int, tuple[float, bytes]] = OrderedDict()
_lock = threading.Lock()


def seal_json(value: Any, project_id: int, table: str, row: str, field: str) -> bytes:
    place = Place(table, row, field, str(project_id))
    return seal_bytes(orjson.dumps(value), data_key_of(project_id), place)


def unseal_json(
    sealed: bytes | memoryview | None,
    project_id: int,
    table: str,
    row: str,
    field: str,
) -> Any:
    """Return the value; None where nothing was sealed."""
    if sealed is None:
        return None
    place = Place(table, row, field, str(project_id))
    return orjson.loads(unseal_bytes(bytes(sealed), data_key_of(project_id), place))


def fingerprint(value: bytes, project_id: int, purpose: str) -> str:
    """Return what tells two contents apart, and says nothing to who has no key."""
    key = hmac.digest(data_key_of(project_id), purpose.encode(), hashlib.sha256)
    return hmac.digest(key, value, hashlib.sha256).hex()


def signing_secret(project_id: int) -> str:
    """Return what the project's webhooks are signed with, as their receivers write it."""
    key = hmac.digest(data_key_of(project_id), b"workflow webhooks", hashlib.sha256)
    return "whsec_" + base64.b64encode(key).decode("ascii")


def data_key_of(project_id: int) -> bytes:
    """Return a data key, which stays in the memory of the process for five minutes."""
    now = time.monotonic()
    with _lock:
        known = _keys.get(project_id)
    if known is not None and now - known[0] < _KEPT_S:
        return known[1]
    found = data_key_by_project_id(project_id)
    with _lock:
        _keys[project_id] = (now, found)
        if len(_keys) > _MAX_KEPT:
            _keys.popitem(last=False)
    return found


def forget_keys() -> None:
    with _lock:
        _keys.clear()
