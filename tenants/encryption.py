"""Envelope encryption: AES-256-GCM under a data key, itself wrapped by a key from outside.

A sealed value is bound to its place (table, row, field, project) as associated data:
copied to another place it does not open.
"""

import os
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import transaction
from django.db.models import Q

from tenants.models import DataKey

_NONCE_BYTES = 12
_KEY_BITS = 256
_VERSION = b"\x01"


class Unsealable(Exception):
    """A sealed value does not open: another key, another place, or damage."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A plaintext secret that does not print."""

    _value: str = field(repr=False)

    def reveal(self) -> str:
        return self._value

    def __str__(self) -> str:
        return "********"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value lives; it opens nowhere else."""

    table: str
    row: str
    field: str
    project: str

    def associated_data(self) -> bytes:
        parts = (self.table, self.row, self.field, self.project)
        return b"".join(len(p.encode()).to_bytes(4, "big") + p.encode() for p in parts)


def seal(secret: Secret, data_key: bytes, place: Place) -> bytes:
    return _encrypt(secret.reveal().encode(), data_key, place.associated_data())


def unseal(sealed: bytes, data_key: bytes, place: Place) -> Secret:
    """Return the secret; `Unsealable` when key or place are not those it was sealed for."""
    return Secret(_decrypt(sealed, data_key, place.associated_data()).decode())


def seal_bytes(value: bytes, data_key: bytes, place: Place) -> bytes:
    return _encrypt(value, data_key, place.associated_data())


def unseal_bytes(sealed: bytes, data_key: bytes, place: Place) -> bytes:
    """Return the value; `Unsealable` as `unseal` says."""
    return _decrypt(sealed, data_key, place.associated_data())


def data_key_by_project_id(project_id: int | None) -> bytes:
    """Return the data key of a project, or of the installation, making it when new."""
    row = DataKey.objects.filter(_owned_by(project_id)).first()
    if row is None:
        row = _new_data_key(project_id)
    return unwrap(row)


def unwrap(row: DataKey) -> bytes:
    """Return the data key of a row; `Unsealable` when its key-encryption key is not given."""
    keks: dict[str, bytes] = settings.SIGNALBOX_KEKS
    if (kek := keks.get(row.kek_id)) is None:
        msg = f"SIGNALBOX_KEK holds no key {row.kek_id!r}, which sealed {row}."
        raise Unsealable(msg)
    return _decrypt(bytes(row.wrapped), kek, _wrapping_place(row.project_id))


def wrap_anew(row: DataKey) -> bytes:
    """Return the data key of a row under the newest key; `Unsealable` as `unwrap` says."""
    _, kek = next(iter(settings.SIGNALBOX_KEKS.items()))
    return _encrypt(unwrap(row), kek, _wrapping_place(row.project_id))


def _new_data_key(project_id: int | None) -> DataKey:
    kek_id, kek = next(iter(settings.SIGNALBOX_KEKS.items()))
    wrapped = _encrypt(AESGCM.generate_key(_KEY_BITS), kek, _wrapping_place(project_id))
    with transaction.atomic():
        # Two processes may make the first key at once: the one that is stored counts.
        DataKey.objects.bulk_create(
            [DataKey(project_id=project_id, kek_id=kek_id, wrapped=wrapped)],
            ignore_conflicts=True,
        )
    return DataKey.objects.get(_owned_by(project_id))


def _owned_by(project_id: int | None) -> Q:
    return Q(project__isnull=True) if project_id is None else Q(project=project_id)


def _wrapping_place(project_id: int | None) -> bytes:
    return Place("tenants_datakey", "", "wrapped", str(project_id)).associated_data()


def _encrypt(plain: bytes, key: bytes, associated: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return _VERSION + nonce + AESGCM(key).encrypt(nonce, plain, _VERSION + associated)


def _decrypt(sealed: bytes, key: bytes, associated: bytes) -> bytes:
    nonce = sealed[1 : 1 + _NONCE_BYTES]
    try:
        return AESGCM(key).decrypt(
            nonce, sealed[1 + _NONCE_BYTES :], sealed[:1] + associated
        )
    except (InvalidTag, ValueError) as error:
        msg = "The sealed value does not open with this key at this place."
        raise Unsealable(msg) from error
