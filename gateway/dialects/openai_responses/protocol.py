"""What every answer in this dialect shares."""

NAME = "openai_responses"
CONTENT_TYPE = b"application/json"
EVENT_STREAM = b"text/event-stream; charset=utf-8"
# The clients skip comments.
KEEPALIVE = b": keep-alive\n\n"
