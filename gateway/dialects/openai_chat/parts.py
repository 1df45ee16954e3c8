"""The parts of a message's content."""

import re

from gateway.body_fields import Malformed, object_in, objects_in, text_in
from gateway.canonical import Audio, File, Image, Refusal, Text
from gateway.types import JSON

ContentPart = Text | Image | Audio | File | Refusal

# OpenAI's, and the one that OpenRouter's clients use.
_CACHE_MARKS = ("prompt_cache_breakpoint", "cache_control")
_DATA_URL = re.compile(r"data:([^;,]*)[^,]*;base64,")


def parse_content(message: JSON, at: str) -> tuple[ContentPart, ...]:
    """Return the content of a message: a string, a list of parts, or nothing."""
    content = message.get("content")
    if content is None:
        return ()
    if type(content) is str:
        return (Text(content),)
    if type(content) is not list:
        place = f"{at}.content"
        raise Malformed(f"'{place}' must be a string or a list of parts.", place)
    return tuple(
        _part(part, place) for place, part in objects_in(message, "content", f"{at}.")
    )


def parse_texts(message: JSON, at: str) -> tuple[Text, ...]:
    """Return a content that may hold nothing but text."""
    texts = []
    for index, part in enumerate(parse_content(message, at)):
        if not isinstance(part, Text):
            place = f"{at}.content[{index}]"
            raise Malformed(f"'{place}' must be text.", place)
        texts.append(part)
    return tuple(texts)


def _part(part: JSON, at: str) -> ContentPart:
    kind = part.get("type")
    cached = any(type(part.get(name)) is dict for name in _CACHE_MARKS)
    if kind == "text":
        return Text(text_in(part, "text", f"{at}."), cached)
    if kind == "image_url":
        return _image(part, at, cached=cached)
    if kind == "input_audio":
        audio = object_in(part, "input_audio", f"{at}.")
        place = f"{at}.input_audio."
        return Audio(text_in(audio, "data", place), text_in(audio, "format", place))
    if kind == "file":
        file = object_in(part, "file", f"{at}.")
        return _file(file, f"{at}.file.", cached=cached)
    if kind == "refusal":
        return Refusal(text_in(part, "refusal", f"{at}."))
    raise Malformed(f"'{at}.type' is not a known type of content.", f"{at}.type")


def _image(part: JSON, at: str, *, cached: bool) -> Image:
    image = part.get("image_url")
    if type(image) is str:
        image = {"url": image}
    if type(image) is not dict:
        raise Malformed(f"'{at}.image_url' must be an object.", f"{at}.image_url")
    place = f"{at}.image_url."
    url, detail = text_in(image, "url", place), text_in(image, "detail", place)
    if not url:
        raise Malformed(f"'{place}url' must be given.", f"{place}url")
    if not url.startswith("data:"):
        return Image(url=url, detail=detail, cached=cached)
    media_type, data = _data(url, f"{place}url")
    return Image(data=data, media_type=media_type, detail=detail, cached=cached)


def _file(file: JSON, place: str, *, cached: bool) -> File:
    data, name = text_in(file, "file_data", place), text_in(file, "filename", place)
    if file_id := text_in(file, "file_id", place):
        return File(file_id=file_id, name=name, cached=cached)
    if not data:
        message = f"'{place}file_data' or '{place}file_id' must be given."
        raise Malformed(message, f"{place}file_data")
    if data.startswith(("http://", "https://")):
        return File(url=data, name=name, cached=cached)
    if data.startswith("data:"):
        media_type, data = _data(data, f"{place}file_data")
        return File(data=data, media_type=media_type, name=name, cached=cached)
    return File(data=data, media_type="application/pdf", name=name, cached=cached)


def _data(url: str, place: str) -> tuple[str, str]:
    """Return the media type and the base64 data of a data URL."""
    if (match := _DATA_URL.match(url)) is None:
        raise Malformed(f"'{place}' must be a base64 data URL.", place)
    return match[1], url[match.end() :]
