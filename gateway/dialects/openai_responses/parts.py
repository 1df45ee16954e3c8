"""The parts of a message's content."""

import re

from gateway.body_fields import Malformed, object_in, objects_in, text_in
from gateway.canonical import Audio, File, Image, Refusal, Text
from gateway.types import JSON

ContentPart = Text | Image | Audio | File | Refusal

_CACHE_MARK = "prompt_cache_breakpoint"
_DATA_URL = re.compile(r"data:([^;,]*)[^,]*;base64,")


def parse_content(item: JSON, name: str, at: str) -> tuple[ContentPart, ...]:
    """Return the content that stands under that name: a string or a list of parts."""
    content = item.get(name)
    if type(content) is str:
        return (Text(content),)
    if type(content) is not list:
        place = f"{at}.{name}"
        raise Malformed(f"'{place}' must be a string or a list of parts.", place)
    return tuple(_part(part, place) for place, part in objects_in(item, name, f"{at}."))


def parse_texts(item: JSON, name: str, at: str) -> tuple[Text, ...]:
    """Return a content that may hold nothing but text."""
    texts = []
    for index, part in enumerate(parse_content(item, name, at)):
        if not isinstance(part, Text):
            place = f"{at}.{name}[{index}]"
            raise Malformed(f"'{place}' must be text.", place)
        texts.append(part)
    return tuple(texts)


def parse_output(item: JSON, at: str) -> tuple[Text | Image, ...]:
    """Return what a function answered."""
    parts: list[Text | Image] = []
    for index, part in enumerate(parse_content(item, "output", at)):
        if not isinstance(part, Text | Image):
            place = f"{at}.output[{index}]"
            raise Malformed(f"'{place}' must be text or an image.", place)
        parts.append(part)
    return tuple(parts)


def _part(part: JSON, at: str) -> ContentPart:
    cached = type(part.get(_CACHE_MARK)) is dict
    match part.get("type"):
        case "input_text" | "output_text":
            return Text(text_in(part, "text", f"{at}."), cached)
        case "input_image":
            return _image(part, at, cached=cached)
        case "input_file":
            return _file(part, f"{at}.", cached=cached)
        case "input_audio":
            audio = object_in(part, "input_audio", f"{at}.")
            place = f"{at}.input_audio."
            return Audio(text_in(audio, "data", place), text_in(audio, "format", place))
        case "refusal":
            return Refusal(text_in(part, "refusal", f"{at}."))
    raise Malformed(f"'{at}.type' is not a known type of content.", f"{at}.type")


def _image(part: JSON, at: str, *, cached: bool) -> Image:
    url, place = text_in(part, "image_url", f"{at}."), f"{at}.image_url"
    detail = text_in(part, "detail", f"{at}.")
    if not url:
        msg = (
            f"'{place}' must be given: a URL, or a base64 data URL. A file's id means "
            "nothing to the provider that was chosen."
        )
        raise Malformed(msg, place)
    if not url.startswith("data:"):
        return Image(url=url, detail=detail, cached=cached)
    media_type, data = _data(url, place)
    return Image(data=data, media_type=media_type, detail=detail, cached=cached)


def _file(part: JSON, at: str, *, cached: bool) -> File:
    name, data = text_in(part, "filename", at), text_in(part, "file_data", at)
    if file_id := text_in(part, "file_id", at):
        return File(file_id=file_id, name=name, cached=cached)
    if url := text_in(part, "file_url", at):
        return File(url=url, name=name, cached=cached)
    if not data:
        msg = f"'{at}file_data', '{at}file_url' or '{at}file_id' must be given."
        raise Malformed(msg, f"{at}file_data")
    media_type = "application/pdf"
    if data.startswith("data:"):
        media_type, data = _data(data, f"{at}file_data")
    return File(data=data, media_type=media_type, name=name, cached=cached)


def _data(url: str, place: str) -> tuple[str, str]:
    """Return the media type and the base64 data of a data URL."""
    if (match := _DATA_URL.match(url)) is None:
        raise Malformed(f"'{place}' must be a base64 data URL.", place)
    return match[1], url[match.end() :]
