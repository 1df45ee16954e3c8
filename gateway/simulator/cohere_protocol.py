"""What Cohere's endpoints have in common: the key, the id and the errors."""

import orjson

from gateway.simulator.types import (
    EVENT_STREAM,
    JSON,
    Answer,
    Ask,
    Failure,
    Head,
    Headers,
    Refused,
    Stream,
)

_INVALID_KEY = "sk-invalid"
_MESSAGES = {
    "rate_limit": "You are using a Trial key, which is limited to 20 API calls / minute.",
    "quota": "You are using a Trial key, which is limited to 1000 API calls / month.",
    "server": "internal server error",
    "overloaded": "the service is overloaded, please try again later",
    "auth": "invalid api token",
    "missing": "model not found, make sure the correct model ID was used and that you "
    "have access to the model.",
    "context": "too many tokens: total number of tokens in the prompt cannot exceed "
    "8192 - received 9000.",
    "policy": "blocked input: the request goes against the usage guidelines",
    "bad_json": "invalid request: the body is not valid JSON",
}


class CohereProtocol:
    """What a protocol of Cohere is made on."""

    id_header = b"x-debug-trace-id"
    stream_headers = EVENT_STREAM
    # The older version has no id in its errors.
    is_older = False

    def __init__(self, head: Head) -> None:
        self.head = head

    def check_key(self) -> None:
        given = (self.head.header(b"authorization") or "").removeprefix("Bearer ")
        if given == _INVALID_KEY:
            raise Refused(Failure(401, "auth", "invalid api token"))

    def build_stream(self, answer: Answer, ask: Ask) -> Stream:
        """Return a stream of one event; only chat has a longer one."""
        return Stream([self.build_body(answer)], [], [], [])

    def build_body(self, answer: Answer) -> bytes:
        raise NotImplementedError

    def error_headers(self, failure: Failure) -> Headers:
        return failure.headers

    def build_error(self, failure: Failure) -> bytes:
        error: JSON = {"message": message_of(failure)}
        if not self.is_older:
            error["id"] = self.head.request_id
        return orjson.dumps(error)

    def build_error_event(self, failure: Failure, *, is_first: bool) -> bytes:
        """Return the end of a message, which tells that it broke off."""
        ending = {"finish_reason": "ERROR", "error": message_of(failure)}
        return event("message-end", {"id": self.head.request_id, "delta": ending})


def message_of(failure: Failure) -> str:
    return _MESSAGES.get(failure.kind, failure.message)


def event(name: str, data: JSON) -> bytes:
    text = orjson.dumps({"type": name, **data})
    return b"event: %b\ndata: %b\n\n" % (name.encode(), text)
