"""What Amazon Bedrock's methods have in common: the signature, the model's place, errors."""

import orjson

from gateway.simulator import bedrock_frames
from gateway.simulator.types import (
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
_SIGNED = "AWS4-HMAC-SHA256 "
_PARTS = ("Credential=", "SignedHeaders=", "Signature=")
_STREAM: Headers = ((b"content-type", b"application/vnd.amazon.eventstream"),)

_TYPES = {
    "rate_limit": "ThrottlingException",
    "quota": "ServiceQuotaExceededException",
    "server": "InternalServerException",
    "gateway": "InternalServerException",
    "overloaded": "ServiceUnavailableException",
    "auth": "UnrecognizedClientException",
    "unsigned": "MissingAuthenticationTokenException",
    "forbidden": "AccessDeniedException",
    "missing": "ResourceNotFoundException",
    "not_found": "UnknownOperationException",
}
_MESSAGES = {
    "rate_limit": "Too many requests, please wait before trying again.",
    "quota": "Too many tokens per day, please wait before trying again.",
    "server": "The system encountered an unexpected error during processing. Try your "
    "request again.",
    "overloaded": "Bedrock is unable to process your request.",
    "auth": "The security token included in the request is invalid.",
    "unsigned": "Missing Authentication Token",
    "forbidden": "You don't have access to the model with the specified model ID.",
    "context": "Input is too long for requested model.",
    "policy": "The request was refused by the provider's usage policy.",
    "bad_json": "Malformed input request, please reformat your input and try again.",
}


class BedrockProtocol:
    """A method of a model, which stands in the path."""

    name = "bedrock_converse"
    id_header = b"x-amzn-requestid"
    stream_headers = _STREAM

    def __init__(self, head: Head, model: str, *, stream: bool = False) -> None:
        self.head = head
        self.model = model
        self.stream = stream

    def check_key(self) -> None:
        """Refuse a call that nobody signed."""
        given = self.head.header(b"authorization") or ""
        is_signed = given.startswith(_SIGNED) and all(part in given for part in _PARTS)
        if is_signed and self.head.header(b"x-amz-date") is None:
            is_signed = False
        if not is_signed and not given.startswith("Bearer "):
            raise Refused(Failure(403, "unsigned", _MESSAGES["unsigned"]))
        if _INVALID_KEY in given:
            raise Refused(Failure(403, "auth", _MESSAGES["auth"]))

    def glance(self, body: JSON) -> Glance:
        return Glance(self.model, self.stream)

    def build_stream(self, answer: Answer, ask: Ask) -> Stream:
        raise NotImplementedError

    def error_headers(self, failure: Failure) -> Headers:
        return [*failure.headers, (b"x-amzn-errortype", _type_of(failure).encode())]

    def build_error(self, failure: Failure) -> bytes:
        return orjson.dumps(_shape_of(failure))

    def build_error_event(self, failure: Failure, *, is_first: bool) -> bytes:
        kind = _type_of(failure)
        return bedrock_frames.exception(kind[:1].lower() + kind[1:], _shape_of(failure))


def _type_of(failure: Failure) -> str:
    return _TYPES.get(failure.kind, "ValidationException")


def _shape_of(failure: Failure) -> JSON:
    return {"message": _MESSAGES.get(failure.kind, failure.message)}
