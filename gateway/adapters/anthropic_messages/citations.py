"""Citations of a text block."""

from typing import Any

from gateway.adapters.reading import text_of
from gateway.canonical import Citation


def citations_of(listed: Any, start: int, end: int) -> list[Citation]:
    """Return the sources of the block that stands at these offsets of the answer."""
    if type(listed) is not list:
        return []
    return [
        Citation(
            url=text_of(cited.get("url")) or text_of(cited.get("source")),
            title=text_of(cited.get("title")) or text_of(cited.get("document_title")),
            text=text_of(cited.get("cited_text")),
            start=start,
            end=end,
        )
        for cited in listed
        if type(cited) is dict
    ]
