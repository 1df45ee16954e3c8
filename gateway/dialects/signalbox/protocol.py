"""What every request and answer in this dialect shares."""

NAME = "signalbox"
CONTENT_TYPE = b"application/json"
EVENT_STREAM = b"text/event-stream; charset=utf-8"
# Comments are no events.
KEEPALIVE = b": keep-alive\n\n"

DEFAULT_MAX_TOKENS = 2000
# What holds where neither the request nor the alias says anything.
ASSUMED = {"temperature": 0.7, "max_tokens": DEFAULT_MAX_TOKENS}


def event(name: bytes, data: bytes) -> bytes:
    """Return one server-sent event."""
    return b"event: %b\ndata: %b\n\n" % (name, data)
