"""What Gemini's methods have in common: the key, the model's place and the errors."""

import orjson

from gateway.simulator.exchange import JSON_TYPE
from gateway.simulator.gemini_errors import shape_of
from gateway.simulator.types import (
    EVENT_STREAM,
    JSON,
    Answer,
    Ask,
    Failure,
    Glance,
    Head,
    Headers,
    Refused,
    Stream,
)

_INVALID_KEY = "sk-invalid"


class GeminiProtocol:
    """A method of a model; without `alt=sse` a stream is one JSON array."""

    name = "gemini_generate"
    id_header = b"x-request-id"

    def __init__(self, head: Head, model: str, *, stream: bool = False) -> None:
        self.head = head
        self.model = model.removeprefix("models/")
        self.stream = stream
        self.is_array = stream and head.parameter("alt") != "sse"
        self.stream_headers: Headers = EVENT_STREAM
        if self.is_array:
            self.stream_headers = ((b"content-type", JSON_TYPE),)

    def check_key(self) -> None:
        given = (self.head.header(b"x-goog-api-key"), self.head.parameter("key"))
        if _INVALID_KEY in given:
            raise Refused(Failure(400, "invalid_key", "API key not valid."))

    def glance(self, body: JSON) -> Glance:
        return Glance(self.model, self.stream, is_chat=False)

    def build_stream(self, answer: Answer, ask: Ask) -> Stream:
        """Return a stream of one event; only chat has a longer one."""
        return Stream([self.build_body(answer)], [], [], [])

    def build_body(self, answer: Answer) -> bytes:
        raise NotImplementedError

    def error_headers(self, failure: Failure) -> Headers:
        """Return none: how long to wait stands in the body."""
        return ()

    def build_error(self, failure: Failure) -> bytes:
        shape = shape_of(failure)
        return orjson.dumps([shape] if self.is_array else shape)

    def build_error_event(self, failure: Failure, *, is_first: bool) -> bytes:
        event = self.framed(shape_of(failure), is_first=is_first)
        return event + b"]" if self.is_array else event

    def framed(self, data: JSON, *, is_first: bool) -> bytes:
        """Return an event of a stream, or an item of the array."""
        if self.is_array:
            return (b"[" if is_first else b",\r\n") + orjson.dumps(data)
        return b"data: " + orjson.dumps(data) + b"\r\n\r\n"
