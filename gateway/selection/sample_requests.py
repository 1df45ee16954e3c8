"""A request out of any inference body, to be explained and not to be served."""

from collections.abc import Mapping
from types import ModuleType

from gateway.configuration.records import Catalog, ProjectRecord
from gateway.context.wishes import wish_in, wish_of
from gateway.controls import attribution_in, max_cost_in, models_in, preferences_in
from gateway.dialects import (
    anthropic_messages,
    cohere_rerank,
    gemini_generate,
    openai_chat,
    openai_embeddings,
    openai_images,
    openai_moderation,
    openai_responses,
    openai_speech,
    openai_transcription,
    signalbox,
)
from gateway.generate_requests import attribution_of, model_of, preferences_of
from gateway.refusals import InvalidRequest
from gateway.strict_json import InvalidJSON, fields_of, join_fields, parse_object
from gateway.types import JSON, InferenceRequest

DIALECTS: dict[str, tuple[ModuleType, ...]] = {
    "chat": (openai_chat, anthropic_messages, gemini_generate, signalbox),
    "responses": (openai_responses,),
    "embeddings": (openai_embeddings,),
    "speech": (openai_speech,),
    "transcription": (openai_transcription,),
    "images": (openai_images,),
    "moderation": (openai_moderation,),
    "rerank": (cohere_rerank,),
}
# What the body says besides the request itself.
_ADDED = ("operation", "dialect")
_OF_OUR_OWN = frozenset(
    {"prompt", "systemPrompt", "maxTokens", "taskType", "routing", "userId"}
)


def sample_of(
    content: bytes,
    headers: Mapping[bytes, bytes],
    project: ProjectRecord,
    catalog: Catalog,
) -> InferenceRequest:
    """Return what the body and its headers ask for. Raises `InvalidRequest`.

    `operation` says what it is for, chat where it says nothing; `dialect` whose words
    it is written in, where that does not show.
    """
    try:
        body = parse_object(content)
    except InvalidJSON as error:
        raise InvalidRequest(str(error)) from error
    operation = body.pop("operation", "chat")
    dialect = _dialect_of(operation, body.pop("dialect", None), body, headers)
    model = body.get("model")
    if model is not None and type(model) is not str:
        raise InvalidRequest("'model' must be a string.", param="model")
    if dialect is not openai_transcription:
        # A recording is no JSON, and what it is asked for does not depend on it.
        _check(dialect, body)
    fields = {n: v for n, v in fields_of(content).items() if n not in _ADDED}
    is_own = dialect is signalbox
    provider = body.get("provider")
    controls = body
    if is_own and not isinstance(provider, Mapping):
        # A provider's name is ours to read; the object is what all dialects know.
        controls = {name: value for name, value in body.items() if name != "provider"}
    count = getattr(dialect, "units", None)
    asked = InferenceRequest(
        operation=operation,
        dialect=cohere_rerank.name_for(body)
        if dialect is cohere_rerank
        else dialect.NAME,
        model=model or "",
        fields=fields,
        size=len(join_fields(fields)),
        max_output_tokens=dialect.max_output_tokens(body),
        models=models_in(controls),
        preferences=preferences_in(controls),
        attribution=attribution_in(headers),
        body=body,
        units={} if count is None or dialect is openai_transcription else count(body),
        max_cost_usd=max_cost_in(headers),
        context=wish_in(headers, project, operation),
    )
    if is_own:
        asked.preferences = preferences_of(body, asked.preferences, project, catalog)
        asked.attribution = attribution_of(body, asked.attribution)
        asked.context = wish_of(body, asked.context, project)
        asked.model = model_of(body, project, catalog)
    return asked


def _dialect_of(
    operation: object, named: object, body: JSON, headers: Mapping[bytes, bytes]
) -> ModuleType:
    if type(operation) is not str or operation not in DIALECTS:
        msg = f"'operation' must be one of {', '.join(DIALECTS)}."
        raise InvalidRequest(msg, param="operation")
    known = DIALECTS[operation]
    if named is not None:
        for dialect in known:
            if named == dialect.NAME:
                return dialect
        names = ", ".join(dialect.NAME for dialect in known)
        msg = f"'dialect' must be one of {names} for {operation}."
        raise InvalidRequest(msg, param="dialect")
    if operation != "chat":
        return known[0]
    if "contents" in body:
        return gemini_generate
    if not _OF_OUR_OWN.isdisjoint(body):
        return signalbox
    if "system" in body or b"anthropic-version" in headers:
        return anthropic_messages
    return openai_chat


def _check(dialect: ModuleType, body: JSON) -> None:
    try:
        dialect.check_request(body)
    except dialect.Malformed as error:
        raise InvalidRequest(str(error), param=error.param) from error
