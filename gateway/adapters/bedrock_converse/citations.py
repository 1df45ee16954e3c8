"""Citations of an answer."""

from typing import Any

from gateway.adapters.bedrock_converse.wire import list_of
from gateway.adapters.reading import object_of, text_of
from gateway.canonical import Citation


def citation_of(cited: Any, start: int = -1, end: int = -1) -> Citation:
    """Return a source, standing at these offsets of the answer."""
    tree = object_of(cited)
    web = object_of(object_of(tree.get("location")).get("web"))
    texts = (
        object_of(piece).get("text") for piece in list_of(tree.get("sourceContent"))
    )
    return Citation(
        url=text_of(web.get("url")) or text_of(tree.get("source")),
        title=text_of(tree.get("title")),
        text="".join(map(text_of, texts)),
        start=start,
        end=end,
    )
