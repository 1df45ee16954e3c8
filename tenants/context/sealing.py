"""Sealing context entries: each end user has a data key, wrapped by that of the project.

Sealed values are bound to their rows, so that one that is put into another row, or of
another end user, does not open.
"""

import hmac
from uuid import UUID

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import transaction

from tenants.encryption import (
    Place,
    data_key_by_project_id,
    seal_bytes,
    unseal_bytes,
    unwrap,
)
from tenants.models import DataKey, EndUser, EndUserKey

_KEY_BITS = 256


def key_of(user: EndUser) -> bytes:
    """Return the end user's data key, making it when new."""
    project_key = data_key_by_project_id(user.project_id)
    row = EndUserKey.objects.filter(end_user=user).first()
    if row is None:
        row = _new_key(user, project_key)
    return unwrap_with(project_key, bytes(row.wrapped), user.project_id, user.pk)


def unwrap_for(
    project_id: int, user_pk: int, kek_id: str, outer: bytes, inner: bytes
) -> bytes:
    """Return the end user's key out of both wrapped keys. Raises `Unsealable`."""
    project_key = unwrap(DataKey(project_id=project_id, kek_id=kek_id, wrapped=outer))
    return unwrap_with(project_key, inner, project_id, user_pk)


def unwrap_with(
    project_key: bytes, wrapped: bytes, project_id: int, user_pk: int
) -> bytes:
    return unseal_bytes(wrapped, project_key, _key_place(project_id, user_pk))


def seal_content(
    content: object, key: bytes, project_id: int, user_pk: int, entry_id: UUID
) -> bytes:
    place = _entry_place(project_id, user_pk, entry_id)
    return seal_bytes(orjson.dumps(content), key, place)


def open_content(
    sealed: bytes, key: bytes, project_id: int, user_pk: int, entry_id: UUID
) -> object:
    """Return what was sealed for this very row. Raises `Unsealable`."""
    place = _entry_place(project_id, user_pk, entry_id)
    found: object = orjson.loads(unseal_bytes(sealed, key, place))
    return found


def answers_secret(key: bytes) -> bytes:
    """Return what seals answers that were given with this user's context."""
    return hmac.digest(key, b"signalbox answers with context 1", "sha256")


def _new_key(user: EndUser, project_key: bytes) -> EndUserKey:
    place = _key_place(user.project_id, user.pk)
    wrapped = seal_bytes(AESGCM.generate_key(_KEY_BITS), project_key, place)
    with transaction.atomic():
        # Two processes may make the first key at once: the one that is stored counts.
        EndUserKey.objects.bulk_create(
            [EndUserKey(end_user=user, project_id=user.project_id, wrapped=wrapped)],
            ignore_conflicts=True,
        )
    found: EndUserKey = EndUserKey.objects.get(end_user=user)
    return found


def _key_place(project_id: int, user_pk: int) -> Place:
    return Place("tenants_enduserkey", str(user_pk), "wrapped", str(project_id))


def _entry_place(project_id: int, user_pk: int, entry_id: UUID) -> Place:
    row = f"{user_pk}/{entry_id}"
    return Place("tenants_contextentry", row, "sealed", str(project_id))
