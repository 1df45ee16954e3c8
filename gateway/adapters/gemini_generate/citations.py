"""Where an answer's words come from: Google's grounding and citations."""

from collections.abc import Iterator

from gateway.adapters.reading import object_of, objects_of, text_of
from gateway.canonical import Citation
from gateway.types import JSON

_SOURCES = ("web", "retrievedContext", "maps")


def citations_of(candidate: JSON, text: str) -> list[Citation]:
    """Return the sources, each once. Google's offsets count the bytes of the text."""
    found = [*_grounding(candidate, text), *_cited(candidate, text)]
    return list(dict.fromkeys(found))


def _grounding(candidate: JSON, text: str) -> Iterator[Citation]:
    metadata = object_of(candidate.get("groundingMetadata"))
    chunks = [
        next((object_of(chunk[name]) for name in _SOURCES if name in chunk), {})
        for chunk in objects_of(metadata.get("groundingChunks"))
    ]
    supported: set[int] = set()
    for support in objects_of(metadata.get("groundingSupports")):
        segment = object_of(support.get("segment"))
        indices = support.get("groundingChunkIndices")
        for index in indices if type(indices) is list else ():
            if type(index) is int and 0 <= index < len(chunks):
                supported.add(index)
                yield from _citation(chunks[index], segment, text)
    for index, chunk in enumerate(chunks):
        if index not in supported:
            yield from _citation(chunk, {}, text)


def _cited(candidate: JSON, text: str) -> Iterator[Citation]:
    metadata = object_of(candidate.get("citationMetadata"))
    for name in ("citationSources", "citations"):
        for source in objects_of(metadata.get(name)):
            yield from _citation(source, source, text)


def _citation(source: JSON, segment: JSON, text: str) -> Iterator[Citation]:
    url = text_of(source.get("uri"))
    if not url:
        return
    start, end = segment.get("startIndex") or 0, segment.get("endIndex") or -1
    known = type(start) is int and type(end) is int and 0 <= start <= end
    yield Citation(
        url=url,
        title=text_of(source.get("title")),
        text=text_of(segment.get("text")),
        start=_characters(text, start) if known else -1,
        end=_characters(text, end) if known else -1,
    )


def _characters(text: str, offset: int) -> int:
    if text.isascii():
        return min(offset, len(text))
    return len(text.encode("utf-8", "replace")[:offset].decode("utf-8", "ignore"))
