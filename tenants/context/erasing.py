"""Erasing what is kept of an end user: the key first of all, then whatever it sealed.

Rooms above say what else they keep of one, and how to forget it, with `also_forget`.
"""

import hmac
from collections.abc import Callable
from typing import Any

import orjson
import pgtrigger
from django.apps import apps
from django.db import transaction
from django.utils import timezone

from tenants.encryption import Unsealable, data_key_by_project_id
from tenants.models import ContextEntry, EndUser, EndUserKey, Erasure, Project

# Deletes what is kept of an end user, by project and external id; returns how many.
Forget = Callable[[Project, str], int]

_others: dict[str, Forget] = {}
_LABEL = b"signalbox erasure 1\0"


def also_forget(name: str, forget: Forget) -> None:
    """Have this done at every erasure; the receipt counts it under the name."""
    _others[name] = forget


def erase(user: EndUser, via: str) -> Erasure:
    """Destroy the key and all that is kept of the user, and return the receipt.

    The user's row stays, for its limits and budgets, without a name.
    """
    with transaction.atomic():
        locked = EndUser.objects.select_for_update(of=("self",)).get(pk=user.pk)
        counts = _forget(locked)
        if locked.name:
            locked.name = ""
            locked.save(update_fields=["name"])
        _forget_name(locked)
        return _receipt(locked.project, locked.external_id, via, counts)


def erase_unknown(project: Project, external_id: str, via: str) -> Erasure:
    """Do the same for a user of whom the project has told nothing."""
    with transaction.atomic():
        counts = {"keys": 0, "entries": 0, **_forget_elsewhere(project, external_id)}
        return _receipt(project, external_id, via, counts)


def before_deletion(instance: EndUser, origin: Any, **_: Any) -> None:
    """Erase whoever is about to be deleted; with a whole project its key goes as well."""
    model = getattr(origin, "model", type(origin))
    if model is not EndUser:
        return
    with transaction.atomic():
        counts = _forget(instance)
        _forget_name(instance)
        if any(counts.values()):
            _receipt(
                instance.project, instance.external_id, Erasure.Via.DELETION, counts
            )


def subject_of(project: Project, external_id: str) -> str:
    """Return how receipts call the user; nothing where the project has no key that opens."""
    return _digest(project, ["subject", project.pk, external_id])


def _forget(user: EndUser) -> dict[str, int]:
    keys, _ = EndUserKey.objects.filter(end_user=user).delete()
    entries, _ = ContextEntry.objects.filter(end_user=user).delete()
    others = _forget_elsewhere(user.project, user.external_id)
    return {"keys": keys, "entries": entries, **others}


def _forget_elsewhere(project: Project, external_id: str) -> dict[str, int]:
    return {name: forget(project, external_id) for name, forget in _others.items()}


def _forget_name(user: EndUser) -> None:
    """Take the name out of the audit, where it stands before and after each change."""
    events: Any = apps.get_model("tenants", "EndUserEvent")
    named = events.objects.filter(pgh_obj_id=user.pk).exclude(name="")
    with pgtrigger.ignore(f"{events._meta.label}:append_only"):
        named.update(name="")


def _receipt(
    project: Project, external_id: str, via: str, counts: dict[str, int]
) -> Erasure:
    row = Erasure(
        project=project,
        subject=subject_of(project, external_id),
        via=via,
        counts=counts,
        erased_at=timezone.now(),
    )
    row.digest = digest_of(row)
    row.save()
    return row


def digest_of(row: Erasure) -> str:
    """Return the digest that the receipt has if nobody has changed it."""
    assert row.project is not None  # noqa: S101  # Made with the project's own key.
    moment = row.erased_at.isoformat()
    said = ["receipt", str(row.pk), row.subject, row.via, row.counts, moment]
    return _digest(row.project, said)


def _digest(project: Project, said: list[Any]) -> str:
    try:
        key = data_key_by_project_id(project.pk)
    except Unsealable:
        # What cannot be opened any more can be erased all the same.
        return ""
    written = orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
    return hmac.digest(key, _LABEL + written, "sha256").hex()
