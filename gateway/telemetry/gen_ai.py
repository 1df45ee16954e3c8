"""What OpenTelemetry's conventions for generative AI call the things of a usage event."""

from collections.abc import Mapping

from usage.records import EventRecord, Settlement

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
ERROR_TYPE = "error.type"
TOKEN_TYPE = "gen_ai.token.type"  # noqa: S105  # The name of an attribute.

Attributes = dict[str, str | int | float | bool | list[str]]

# Whatever else is asked for has no name there and keeps ours.
_OPERATIONS = {"responses": "chat"}
_PROVIDERS = {
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "vertex": "gcp.vertex_ai",
    "vertex-anthropic": "gcp.vertex_ai",
    "xai": "x_ai",
}


def kind_of(record: EventRecord) -> Attributes:
    """Return what is the same for many attempts."""
    return {
        OPERATION: _OPERATIONS.get(record.operation, record.operation),
        PROVIDER: _PROVIDERS.get(record.provider, record.provider),
        REQUEST_MODEL: record.model,
    }


def begun(record: EventRecord) -> Attributes:
    """Return what is known of an attempt before it is made."""
    told = kind_of(record)
    told |= {
        "gen_ai.request.stream": record.streamed,
        "signalbox.attempt": record.attempt,
        "signalbox.attempt_id": record.id,
        "signalbox.fallback": record.fallback,
        "signalbox.provider": record.provider,
    }
    if record.alias:
        told["signalbox.alias"] = record.alias
    return told


def ended(settlement: Settlement) -> Attributes:
    """Return what became of an attempt. Nothing of what was said is in it."""
    told: Attributes = {
        "gen_ai.usage.input_tokens": settlement.input_tokens,
        "gen_ai.usage.output_tokens": settlement.output_tokens,
        "signalbox.status": settlement.status,
        "signalbox.estimated": settlement.estimated,
    }
    if settlement.reported_model:
        told["gen_ai.response.model"] = settlement.reported_model
    if settlement.finish_reason:
        told["gen_ai.response.finish_reasons"] = [settlement.finish_reason]
    if settlement.first_token_ms is not None:
        told["gen_ai.response.time_to_first_chunk"] = settlement.first_token_ms / 1000
    if settlement.cost_usd is not None:
        told["signalbox.cost_usd"] = float(settlement.cost_usd)
    if settlement.http_status is not None:
        told["http.response.status_code"] = settlement.http_status
    if error := error_type(settlement):
        told[ERROR_TYPE] = error
    for name, amount in _parts(settlement).items():
        if amount:
            told[name] = amount
    return told


def error_type(settlement: Settlement) -> str:
    """Return what went wrong; empty for an attempt that went well."""
    if settlement.status == "ok":
        return ""
    return settlement.error_code or settlement.status


def _parts(settlement: Settlement) -> Mapping[str, int]:
    return {
        "gen_ai.usage.cache_read.input_tokens": settlement.cache_read_tokens,
        "gen_ai.usage.cache_creation.input_tokens": settlement.cache_write_tokens,
        "gen_ai.usage.reasoning.output_tokens": settlement.reasoning_tokens,
    }
