"""Texts of requests and answers that projects want kept: redacted, sealed, and forgotten."""

import uuid
import zlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import orjson
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils import timezone

from tenants.encryption import Place, data_key_by_project_id, seal_bytes, unseal_bytes
from tenants.models import Project
from tenants.redaction import redacted
from usage.clearing import delete_in_batches
from usage.models import CapturedText, CaptureView

# Of one text; what is longer is cut, and says so.
MAX_TEXT_BYTES = 1024 * 1024
_CUT = "\n[cut]"
_BATCH = 500


class Capture(msgspec.Struct, frozen=True, kw_only=True):
    """One request and its answer as they went over the wire, in memory only."""

    project_id: int
    request_id: str
    end_user: str
    path: str
    status: int
    occurred_at: datetime
    keep_days: int
    patterns: tuple[str, ...]
    request: bytes
    answer: bytes


def store(captures: Iterable[Capture]) -> int:
    """Redact, seal and keep; return how many. Projects that are gone are passed over."""
    found = list(captures)
    known = set(
        Project.objects.filter(
            pk__in={capture.project_id for capture in found}
        ).values_list("pk", flat=True)
    )
    keys = {project_id: data_key_by_project_id(project_id) for project_id in known}
    rows = [
        _row(capture, keys[capture.project_id])
        for capture in found
        if capture.project_id in known
    ]
    CapturedText.objects.bulk_create(rows)
    return len(rows)


def read(captured: CapturedText, by: AbstractBaseUser) -> tuple[str, str]:
    """Return the texts of request and answer, and note who has read them.

    Raises `Unsealable`.
    """
    with transaction.atomic():
        CaptureView.objects.create(
            user_id=by.pk,
            project_id=captured.project_id,
            request_id=captured.request_id,
        )
        key = data_key_by_project_id(captured.project_id)
        plain = unseal_bytes(bytes(captured.sealed), key, _place(captured))
    request, answer = orjson.loads(zlib.decompress(plain))
    return request, answer


def purge(project: Project, end_user: str | None = None) -> int:
    """Delete what is kept of a project, or of one of its end users; return how many."""
    rows: Any = CapturedText.objects.for_project(project)
    if end_user is not None:
        rows = rows.filter(end_user=end_user)
    deleted: int = rows.delete()[0]
    return deleted


def clear_expired() -> int:
    """Delete what has been kept long enough, in bounded batches; return how many."""
    expired = CapturedText.objects.filter(expires_at__lte=timezone.now())
    return delete_in_batches(expired, _BATCH)


def _row(capture: Capture, key: bytes) -> CapturedText:
    texts = [
        _text(part, capture.patterns) for part in (capture.request, capture.answer)
    ]
    row = CapturedText(
        id=uuid.uuid4(),
        project_id=capture.project_id,
        request_id=capture.request_id,
        end_user=capture.end_user,
        path=capture.path[:500],
        status=capture.status,
        occurred_at=capture.occurred_at,
        expires_at=capture.occurred_at + timedelta(days=capture.keep_days),
        size=sum(len(text.encode()) for text in texts),
    )
    row.sealed = seal_bytes(zlib.compress(orjson.dumps(texts)), key, _place(row))
    return row


def _text(part: bytes, patterns: tuple[str, ...]) -> str:
    text = part[:MAX_TEXT_BYTES].decode("utf-8", "replace")
    return redacted(text, patterns) + (_CUT if len(part) > MAX_TEXT_BYTES else "")


def _place(row: CapturedText) -> Place:
    return Place("usage_capturedtext", str(row.pk), "sealed", str(row.project_id))
