"""Events as the gateway spools them."""

import uuid
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from usage.records import EventRecord, Settlement

MOMENT = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)


def intent(**changes: Any) -> EventRecord:
    """Return the smallest event of an attempt that nobody has settled."""
    return EventRecord(
        **{
            "id": str(uuid.uuid4()),
            "occurred_at": MOMENT,
            "request_id": str(uuid.uuid4()),
            "organization_id": 1,
            "project_id": 1,
            "api_key_id": 1,
            "operation": "chat",
            "dialect": "openai_chat",
            "provider": "acme",
            "model": "large",
            **changes,
        }
    )


def settlement(of: EventRecord | None = None, **changes: Any) -> EventRecord:
    """Return the event of an attempt that went well."""
    return replace(
        of or intent(),
        **{"status": "ok", "estimated": False, "http_status": 200} | changes,
    )


def outcome(**changes: Any) -> Settlement:
    """Return what makes the same of an intent as `settlement` does."""
    return Settlement(
        **{
            "status": "ok",
            "http_status": 200,
            "input_tokens": 0,
            "other_usage": {},
            "estimated": False,
            "cost_usd": None,
            "price_ids": (),
            **changes,
        }
    )
