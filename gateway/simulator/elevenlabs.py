"""What ElevenLabs's operations have in common: the key, the errors and the lists."""

from collections.abc import Iterable

import orjson

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

_STATUSES = {
    "rate_limit": "too_many_concurrent_requests",
    "quota": "quota_exceeded",
    "server": "internal_server_error",
    "gateway": "bad_gateway",
    "overloaded": "system_busy",
    "auth": "invalid_api_key",
    "forbidden": "missing_permissions",
    "missing": "model_not_found",
    "context": "max_character_limit_exceeded",
    "policy": "content_against_policy",
    "invalid": "invalid_parameters",
}
# The premade voices that everybody has.
VOICES = {
    "21m00Tcm4TlvDq8ikWAM": "Rachel",
    "29vD33N1CtxCmqQRPOHJ": "Drew",
    "9BWtsMINqrJLrRacOk9x": "Aria",
    "AZnzlk1XvdvUeBnXmlld": "Domi",
    "CYw3kZ02Hs0563khs1Fj": "Dave",
    "CwhRBWXzGAHq8TQ4Fs17": "Roger",
    "EXAVITQu4vr4xnSDxMaL": "Sarah",
    "JBFqnCBsd6RMkjVDRZzb": "George",
    "TX3LPaxmHKxFdv7VOQHJ": "Liam",
    "XrExE9yKIg1WjnnlVkGX": "Matilda",
    "bIHbv24MWmeRgasZH58o": "Will",
    "cgSgspJ2msm6clMCkdW9": "Jessica",
    "cjVigY5qzO86Huf0OWal": "Eric",
}


class ElevenLabs:
    """An operation; what it is not told about models and voices it does not know."""

    name = "elevenlabs"
    id_header = b"request-id"
    stream_headers: Headers = EVENT_STREAM

    def __init__(self, head: Head) -> None:
        self.head = head

    def check_key(self) -> None:
        if self.head.header(b"xi-api-key") == "sk-invalid":
            raise Refused(Failure(401, "auth", "Invalid API key"))

    def glance(self, body: JSON) -> Glance:
        return Glance(str(body.get("model_id")), stream=False, is_chat=False)

    def parse(self, body: JSON) -> Ask:
        raise NotImplementedError

    def build_body(self, answer: Answer) -> bytes:
        raise NotImplementedError

    def build_stream(self, answer: Answer, ask: Ask) -> Stream:
        return Stream([self.build_body(answer)], [], [], [])

    def error_headers(self, failure: Failure) -> Headers:
        return failure.headers

    def build_error(self, failure: Failure) -> bytes:
        return orjson.dumps({"detail": _detail(failure, self.head.request_id)})

    def build_error_event(self, failure: Failure, *, is_first: bool) -> bytes:
        """Return an error, which stands in place of a sound, or in the middle of it."""
        return self.build_error(failure)


def missing(name: str) -> Refused:
    """Return the refusal of a body that lacks a field."""
    return Refused(Failure(422, "validation", "Field required", name))


def models(names: Iterable[str]) -> list[JSON]:
    return [
        {
            "model_id": name,
            "name": name,
            "can_do_text_to_speech": True,
            "can_do_voice_conversion": False,
            "maximum_text_length_per_request": 10_000,
            "languages": [{"language_id": "en", "name": "English"}],
            "model_rates": {"character_cost_multiplier": 1.0},
            "token_cost_factor": 1.0,
            "concurrency_group": "standard",
        }
        for name in names
    ]


def voices() -> JSON:
    return {
        "voices": [
            {"voice_id": voice_id, "name": name, "category": "premade", "labels": {}}
            for voice_id, name in VOICES.items()
        ]
    }


def _detail(failure: Failure, request_id: str) -> JSON | list[JSON] | str:
    """Return an error in one of the shapes that ElevenLabs has for them."""
    match failure.kind:
        case "validation":
            place = ["body", failure.param]
            return [{"loc": place, "msg": failure.message, "type": "missing"}]
        case "bad_json" | "not_found":
            return failure.message
        case "rate_limit" | "overloaded":
            status = _STATUSES[failure.kind]
            return {
                "type": "rate_limit_error",
                "code": status,
                "status": status,
                "message": failure.message,
                "request_id": request_id,
            }
        case kind:
            return {"status": _STATUSES.get(kind, kind), "message": failure.message}
