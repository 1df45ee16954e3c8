"""Bodies as the control API reads them: JSON strictly, bundles as YAML; both bounded."""

from collections.abc import Iterable, Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from gateway.control.errors import BodyTooLarge
from gateway.strict_json import InvalidJSON, parse_object

MAX_JSON_BYTES = 1024 * 1024
MAX_BUNDLE_BYTES = 8 * 1024 * 1024


class StrictJSONParser(BaseParser):
    """Refuses repeated keys, NaN, deep nesting and what PostgreSQL cannot store."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        body = read_bounded(stream, MAX_JSON_BYTES)
        if not body.strip():
            return {}
        try:
            found = parse_object(body)
        except InvalidJSON as error:
            raise ParseError(str(error)) from error
        if b"\\u0000" in body and _holds_null(found):
            raise ParseError("The body holds a NUL character, which cannot be stored.")
        return found


class YAMLText(BaseParser):
    """Leaves the text as it is: the bundle reads it, and says where it is wrong."""

    media_type = "application/yaml"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        body = read_bounded(stream, MAX_BUNDLE_BYTES)
        try:
            return body.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ParseError(f"The bundle is not UTF-8: {error.reason}.") from error


class YAMLTextOld(YAMLText):
    media_type = "application/x-yaml"


class YAMLTextPlain(YAMLText):
    media_type = "text/yaml"


class YAMLTextJSON(YAMLText):
    """JSON is YAML."""

    media_type = "application/json"


YAML_PARSERS: list[type[BaseParser]] = [
    YAMLText,
    YAMLTextOld,
    YAMLTextPlain,
    YAMLTextJSON,
]


class AlwaysJSON(DefaultContentNegotiation):
    """Answers JSON, errors included, whatever is accepted."""

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, str(renderer.media_type)


def read_bounded(stream: IO[Any], most: int) -> bytes:
    body: bytes = stream.read(most + 1)
    if len(body) > most:
        raise BodyTooLarge(f"The body may hold {most:,} bytes.")
    return body


def _holds_null(value: Any) -> bool:
    match value:
        case str():
            return "\x00" in value
        case dict():
            return any(_holds_null(part) for pair in value.items() for part in pair)
        case list():
            return any(map(_holds_null, value))
        case _:
            return False
