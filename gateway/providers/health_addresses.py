"""What to ask a provider to learn whether it answers: something that costs nothing."""

import re

from yarl import URL

from gateway.configuration.records import EndpointRecord, ProviderRecord

# In place of an address: the provider is never asked.
NEVER = "none"

_OPERATION = re.compile(
    r"/(?:chat/completions|completions|responses|agent|embeddings|audio/[a-z]+"
    r"|images/[a-z]+|moderations|rerank)$"
)


def health_address(provider: ProviderRecord, wanted: str) -> URL | None:
    """Return the address of a free GET request; None when there is nothing to ask.

    `wanted` is what an operator or the catalog says: a path, a whole address, or `none`.
    Without it, that is the list of models.
    """
    if wanted == NEVER:
        return None
    if wanted.startswith("https://"):
        return URL(wanted, encoded=True)
    if wanted:
        return URL(provider.base_url + wanted, encoded=True)
    endpoint = next((found[0] for found in provider.endpoints.values() if found), None)
    if endpoint is None:
        return None
    base = provider.base_url
    if endpoint.handler.startswith("bedrock"):
        # What lists models is not the host that runs them.
        base = base.replace("://bedrock-runtime.", "://bedrock.", 1)
    return URL(base + models_path(endpoint), encoded=True)


def models_path(endpoint: EndpointRecord) -> str:
    """Return the path of the list of models of whoever serves this endpoint.

    Lists that come in pages are asked for one model.
    """
    path, mark, query = endpoint.pattern.partition("?")
    match endpoint.handler.partition("_")[0]:
        case "anthropic":
            return path.removesuffix("/messages") + "/models?limit=1"
        case "gemini":
            return path.partition("/models/")[0] + "/models?pageSize=1"
        case "cohere":
            return "/v1/models?page_size=1"
        case "elevenlabs":
            return "/v1/models"
        case "bedrock":
            return "/foundation-models"
    if "/deployments/" in path:
        # Azure's older addresses: what is no deployment's stands beside them.
        return path.partition("/deployments/")[0] + "/models" + mark + query
    stem, found = _OPERATION.subn("", path)
    return f"{stem}/models{mark}{query}" if found else "/v1/models"
