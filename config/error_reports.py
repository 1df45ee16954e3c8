"""Errors told to Sentry, where it is asked for: what failed and where, in no words of tenants."""

import logging
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

# All else that the library knows of an error may quote what was sent.
_KEPT = (
    "event_id",
    "exception",
    "level",
    "logger",
    "platform",
    "sdk",
    "server_name",
    "timestamp",
)


def report_to(dsn: str) -> None:
    """Tell Sentry at this address of each error that is logged.

    Raises `ImproperlyConfigured` for what is no such address.
    """
    # It takes a tenth of a second, which nobody pays who does not ask for it.
    import sentry_sdk
    from sentry_sdk.integrations.atexit import AtexitIntegration
    from sentry_sdk.integrations.logging import LoggingIntegration
    from sentry_sdk.utils import BadDsn

    try:
        sentry_sdk.init(
            dsn=dsn,
            # None of those that read requests, queries or arguments.
            default_integrations=False,
            auto_enabling_integrations=False,
            integrations=[
                LoggingIntegration(level=None, event_level=logging.ERROR),
                AtexitIntegration(callback=lambda _pending, _timeout: None),
            ],
            include_local_variables=False,
            max_breadcrumbs=0,
            before_send=_without_words,
        )
    except BadDsn as error:
        raise ImproperlyConfigured(
            "SENTRY_DSN is no address of Sentry: it looks like "
            "https://<key>@<host>/<project>."
        ) from error


def _without_words(event: "Event", hint: "Hint") -> "Event":
    kept: Any = {name: event[name] for name in _KEPT if name in event}  # type: ignore[literal-required]
    for failure in kept.get("exception", {}).get("values", ()):
        failure["value"] = ""
    record: logging.LogRecord | None = hint.get("log_record")
    if record is not None:
        kept["logentry"] = {"message": _name_of(record)}
    found: Event = kept
    return found


def _name_of(record: logging.LogRecord) -> str:
    """Return the event's name: the text before anything was put into it."""
    said: Any = record.msg
    return str(said.get("event", "") if isinstance(said, dict) else said)
