"""Reads Gemini's contents, and checks what belongs together."""

import base64
from typing import Any

import orjson

from gateway.simulator.checks import names_in, refuse
from gateway.simulator.gemini_fields import check_names
from gateway.simulator.models import sees_images
from gateway.simulator.signatures import is_signed
from gateway.simulator.transcript import Turn
from gateway.simulator.types import JSON

SIGNER = "gemini_generate"
_SENTINEL = "skip_thought_signature_validator"
_SENTINELS = frozenset({_SENTINEL, base64.b64encode(_SENTINEL.encode()).decode()})
_CONTENT = frozenset({"role", "parts"})
_DATA = names_in(
    "text inlineData fileData functionCall functionResponse executableCode "
    "codeExecutionResult toolCall toolResponse"
)
_PART = _DATA | names_in(
    "thought thoughtSignature videoMetadata mediaResolution mediaProcessing "
    "partMetadata"
)
_ROLES = {"user": "user", "model": "assistant", "function": "user"}
_PLAIN_RESULTS = ({"output"}, {"result"}, {"error"})


def turns_of(contents: Any, model: str, *, thinks: bool) -> list[Turn]:
    """Return what was said, each function's response in a turn of its own."""
    if isinstance(contents, dict):
        contents = [contents]
    if not isinstance(contents, list) or not contents:
        refuse("* GenerateContentRequest.contents: contents is not specified")
    turns: list[Turn] = []
    called: list[JSON] = []
    for at, content in enumerate(contents):
        place = f"contents[{at}]"
        role, parts = _role_and_parts(content, place)
        calls = [part["functionCall"] for part in parts if "functionCall" in part]
        answers = [p["functionResponse"] for p in parts if "functionResponse" in p]
        _check_responses(called, answers)
        if thinks and role == "assistant":
            _check_signatures(parts, model, place)
        turns += [_result(answer, place) for answer in answers]
        turns += _own_turn(role, parts, model)
        called = calls
    return turns


def texts_of(content: Any, place: str) -> list[str]:
    """Return the texts of an instruction, or of what is to be embedded."""
    _, parts = _role_and_parts(content, place)
    return [str(part.get("text", "")) for part in parts]


def _role_and_parts(content: Any, place: str) -> tuple[str, list[JSON]]:
    check_names(content, _CONTENT, place)
    role = content.get("role") or "user"
    if role not in {*_ROLES, "system"}:
        refuse("Please use a valid role: user, model.")
    parts = content.get("parts")
    if isinstance(parts, dict):
        parts = [parts]
    if not isinstance(parts, list) or not parts:
        refuse(
            f"* GenerateContentRequest.{place}.parts: contents.parts must not be empty."
        )
    for at, part in enumerate(parts):
        check_names(part, _PART, f"{place}.parts[{at}]")
        if sum(name in part for name in _DATA) != 1:
            refuse(
                f"* GenerateContentRequest.{place}.parts[{at}].data: required oneof "
                "field 'data' must have one initialized field"
            )
    return _ROLES.get(role, role), parts


def _check_responses(calls: list[JSON], answers: list[JSON]) -> None:
    """Refuse responses that are not those of the calls just before, in their order."""
    if answers and not calls:
        refuse(
            "Please ensure that function response turn comes immediately after a "
            "function call turn."
        )
    if len(answers) != len(calls):
        refuse(
            "Please ensure that the number of function response parts is equal to the "
            "number of function call parts of the function call turn."
        )
    for call, answer in zip(calls, answers, strict=True):
        if not answer.get("name"):
            refuse(
                "* GenerateContentRequest.contents.parts.function_response.name: Name "
                "cannot be empty."
            )
        if answer["name"] != call.get("name") or _differ(call, answer):
            refuse(
                "Please ensure that function response parts match the function call "
                "parts of the function call turn."
            )


def _differ(call: JSON, answer: JSON) -> bool:
    ids = (call.get("id"), answer.get("id"))
    return None not in ids and ids[0] != ids[1]


def _check_signatures(parts: list[JSON], model: str, place: str) -> None:
    """Refuse a call that comes back without the signature that it was given."""
    is_first = True
    for part in parts:
        call, signature = part.get("functionCall"), part.get("thoughtSignature")
        if call is not None and is_first and not signature:
            refuse(
                "Function call is missing a thought_signature in functionCall parts. "
                "This is required for tools to work correctly, and missing "
                "thought_signature may lead to degraded model performance. Additional "
                f"data, function call `default_api:{call.get('name')}`, {place}."
            )
        is_first = is_first and call is None
        if signature is None or signature in _SENTINELS:
            continue
        if not is_signed(SIGNER, model, signed_text(call), signature):
            refuse("Invalid/Corrupted thought signature.")


def signed_text(call: JSON | None) -> str:
    """Return what a signature is bound to: the call, or nothing beside a text."""
    if call is None:
        return ""
    return f"{call.get('name')}{orjson.dumps(call.get('args') or {}).decode()}"


def _result(answer: JSON, place: str) -> Turn:
    response = answer.get("response")
    if not isinstance(response, dict):
        refuse(f"Invalid value at '{place}.parts.function_response.response'")
    if response.keys() in _PLAIN_RESULTS:
        (value,) = response.values()
        if isinstance(value, str):
            return Turn("tool", value)
    return Turn("tool", orjson.dumps(response).decode())


def _own_turn(role: str, parts: list[JSON], model: str) -> list[Turn]:
    """Return what was said besides functions' responses, if anything was."""
    texts, kinds = [], []
    for part in parts:
        data = part.get("inlineData") or part.get("fileData")
        if "text" in part and part.get("thought") is not True and part["text"]:
            texts.append(str(part["text"]))
        elif (call := part.get("functionCall")) is not None:
            arguments = orjson.dumps(call.get("args") or {}).decode()
            texts += [str(call.get("name", "")), arguments]
        elif isinstance(data, dict):
            kinds.append(str(data.get("mimeType", "")).startswith("image/"))
    if any(kinds) and not sees_images(model):
        refuse("Image input modality is not enabled for this model.")
    if not texts and not kinds:
        return []
    images = sum(kinds)
    return [Turn(role, " ".join(texts), images, len(kinds) - images)]
