"""The models that a key may use, listed in the shape of each dialect."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from gateway.configuration.model_names import models_named
from gateway.configuration.own_models import own_models
from gateway.configuration.records import (
    Catalog,
    KeyRecord,
    ModelRecord,
    ProjectRecord,
)
from gateway.selection.filters import credential_for

_METHODS = ["generateContent", "streamGenerateContent", "countTokens"]


class Entry(NamedTuple):
    """An alias or model by the name that requests use."""

    name: str
    owner: str
    since: int
    context_window: int | None = None
    max_output_tokens: int | None = None


def entries_of(key: KeyRecord, catalog: Catalog) -> list[Entry]:
    """Return what a key may name: all that its project may use, unless it says which."""
    entries = entries_for(key.project, catalog)
    if not key.aliases:
        return entries
    found = [entry for entry in entries if entry.name in key.aliases]
    for name in sorted(key.aliases - {entry.name for entry in found}):
        entry = _model_entry(name, key.project, catalog)
        if entry is not None:
            found.append(entry)
    return found


def entries_for(project: ProjectRecord, catalog: Catalog) -> list[Entry]:
    """Return the aliases, then every model whose provider is configured."""
    since = int(catalog.loaded_at or time.time())
    names = sorted({*project.aliases, *catalog.aliases})
    return [Entry(name, "signalbox", since) for name in names] + [
        _entry(name, model, since)
        for name, model in sorted(
            {
                **catalog.models_by_name,
                **own_models(project, catalog).models_by_name,
            }.items()
        )
        if is_usable(model, project)
    ]


def entry_for(name: str, project: ProjectRecord, catalog: Catalog) -> Entry | None:
    """Return the alias, or the model by its full or bare id; None when there is none."""
    for entry in entries_for(project, catalog):
        if entry.name == name:
            return entry
    return _model_entry(name, project, catalog)


def _model_entry(name: str, project: ProjectRecord, catalog: Catalog) -> Entry | None:
    since = int(catalog.loaded_at or time.time())
    for known in models_named(name, project, catalog):
        if is_usable(known, project):
            return _entry(name, known, since)
    return None


def _entry(name: str, model: ModelRecord, since: int) -> Entry:
    return Entry(
        name,
        model.provider.slug,
        since,
        model.context_window,
        model.max_output_tokens,
    )


def is_visible(model: ModelRecord, project: ProjectRecord) -> bool:
    """Say whether the project may know of the model and send its data there."""
    regions = project.allowed_regions
    return not regions or model.provider.region in regions


def is_usable(model: ModelRecord, project: ProjectRecord) -> bool:
    provider = model.provider
    if not is_visible(model, project):
        return False
    return provider.auth_kind == "none" or credential_for(model, project) is not None


def openai_entry(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.name,
        "object": "model",
        "created": entry.since,
        "owned_by": entry.owner,
    }


def openai_list(entries: list[Entry]) -> dict[str, Any]:
    return {"object": "list", "data": [openai_entry(entry) for entry in entries]}


def anthropic_entry(entry: Entry) -> dict[str, Any]:
    return {
        "type": "model",
        "id": entry.name,
        "display_name": entry.name,
        "created_at": datetime.fromtimestamp(entry.since, UTC).isoformat(),
    }


def anthropic_list(entries: list[Entry]) -> dict[str, Any]:
    return {
        "data": [anthropic_entry(entry) for entry in entries],
        "has_more": False,
        "first_id": entries[0].name if entries else None,
        "last_id": entries[-1].name if entries else None,
    }


def gemini_entry(entry: Entry) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "name": f"models/{entry.name}",
        "version": "001",
        "displayName": entry.name,
        "supportedGenerationMethods": _METHODS,
    }
    if entry.context_window is not None:
        shown["inputTokenLimit"] = entry.context_window
    if entry.max_output_tokens is not None:
        shown["outputTokenLimit"] = entry.max_output_tokens
    return shown


def gemini_list(entries: list[Entry]) -> dict[str, Any]:
    return {"models": [gemini_entry(entry) for entry in entries]}


def dialect_of(path: str, headers: Mapping[bytes, bytes], query: bytes) -> str:
    """Return whose shape a client of the shared path expects, by path and headers."""
    if "/v1beta/" in path or path.startswith("/gemini/"):
        return "gemini_generate"
    if path.startswith("/anthropic/"):
        return "anthropic_messages"
    if path.startswith("/openai/"):
        return "openai_chat"
    if b"x-goog-api-key" in headers or b"x-goog-api-client" in headers:
        return "gemini_generate"
    if b"key=" in query:
        return "gemini_generate"
    return "anthropic_messages" if b"anthropic-version" in headers else "openai_chat"


LISTS = {
    "openai_chat": openai_list,
    "anthropic_messages": anthropic_list,
    "gemini_generate": gemini_list,
}
ENTRIES = {
    "openai_chat": openai_entry,
    "anthropic_messages": anthropic_entry,
    "gemini_generate": gemini_entry,
}
