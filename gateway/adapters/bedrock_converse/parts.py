"""Images, sounds and documents as blocks."""

import base64
import binascii

from gateway.adapters.bedrock_converse.names import document_title
from gateway.canonical import Audio, File, Image
from gateway.types import JSON

_PICTURES = {
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/jpg": "jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
}
_SOUNDS = frozenset({"mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "m4a", "webm"})
_DOCUMENTS = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
}
_OWN_STORE = "s3://"


def image_block(image: Image) -> JSON | None:
    """Return the block; None for an image elsewhere, which nobody would fetch."""
    kind = image.media_type.partition(";")[0].strip().lower()
    if image.url.startswith(_OWN_STORE):
        end = image.url.rpartition(".")[2].lower()
        name = _PICTURES.get(kind) or _PICTURES.get(f"image/{end}")
        source: JSON = {"s3Location": {"uri": image.url}}
    else:
        name = _PICTURES.get(kind) if image.data else None
        source = {"bytes": image.data}
    return None if name is None else {"image": {"format": name, "source": source}}


def audio_block(audio: Audio) -> JSON | None:
    if audio.format not in _SOUNDS:
        return None
    return {"audio": {"format": audio.format, "source": {"bytes": audio.data}}}


def document_block(file: File, titles: set[str]) -> JSON | None:
    """Return the block; None for what is no document, or not here."""
    kind = file.media_type.partition(";")[0].strip().lower()
    if kind in _PICTURES:
        return image_block(Image(url=file.url, data=file.data, media_type=kind))
    source: JSON
    if file.url.startswith(_OWN_STORE):
        source = {"s3Location": {"uri": file.url}}
    elif file.data:
        source = {"bytes": file.data}
    else:
        return None
    name = _DOCUMENTS.get(kind)
    if name is None and kind.startswith("text/") and _is_text(file.data):
        name = "txt"
    if name is None and not kind:
        end = (file.name or file.url).rpartition(".")[2].lower()
        name = end if end in _DOCUMENTS.values() else "pdf"
    if name is None:
        return None
    stem = file.name.rpartition(".")[0] or file.name
    title = document_title(stem, titles)
    return {"document": {"format": name, "name": title, "source": source}}


def _is_text(data: str) -> bool:
    try:
        base64.b64decode(data, validate=True).decode()
    except (binascii.Error, ValueError):
        return False
    return True
