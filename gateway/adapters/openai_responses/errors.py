"""Errors of this protocol: beside the answer, and in place of it."""

from dataclasses import replace
from typing import Any

from gateway.adapters.openai_chat import errors
from gateway.adapters.reading import object_of
from gateway.types import JSON, UpstreamFault

# With what status these would have come, had they not come inside an answer:
# https://platform.openai.com/docs/api-reference/responses/object
_STATUSES = {
    "rate_limit_exceeded": 429,
    "server_error": 500,
    "server_is_overloaded": 503,
    "vector_store_timeout": 504,
    "bio_policy": 400,
    "content_filter": 400,
    "context_length_exceeded": 400,
    "data_residency_mismatch": 400,
    "empty_image_file": 400,
    "failed_to_download_image": 400,
    "invalid_prompt": 400,
    "misalignment_policy_violation": 400,
    "unsupported_image_media_type": 400,
}
_ABOUT_IMAGES = ("image_", "invalid_image", "invalid_base64_image")

_WRONG_KEY = "Incorrect API key provided"


def error_code(body: bytes) -> UpstreamFault:
    """Read an error body, however the provider wrote it."""
    fault = errors.error_code(body)
    if fault.message.startswith(_WRONG_KEY):
        # xAI says so with status 400 and a sentence for a code.
        return replace(fault, code="invalid_api_key")
    return fault


def failure_of(response: JSON, told: Any = None) -> UpstreamFault:
    """Return why an answer failed; `told` is an error that stands beside it."""
    error = response.get("error") or told
    if not error:
        return UpstreamFault("", "The provider broke the answer off.")
    return placed(errors.fault_of(error))


def fault_in(tree: JSON) -> UpstreamFault | None:
    """Return the error that an event of a stream is, if it is one."""
    kind = tree.get("type")
    if kind == "response.failed":
        return failure_of(object_of(tree.get("response")), tree.get("error"))
    if kind == "error":
        # Flat, as OpenAI writes it, or in an object of its own.
        error = tree.get("error")
        flat = {name: value for name, value in tree.items() if name != "type"}
        return placed(errors.fault_of(error or flat))
    if type(kind) is not str and (fault := errors.hidden_fault(tree)) is not None:
        return placed(fault)
    return None


def placed(fault: UpstreamFault) -> UpstreamFault:
    """Return the fault with the status that its code stands for."""
    status = _STATUSES.get(fault.code)
    if status is None and fault.code.startswith(_ABOUT_IMAGES):
        status = 400
    return fault if status is None else replace(fault, status=status)
