"""Forms as multipart/form-data (RFC 7578): taken apart strictly, and put together."""

import secrets
from collections.abc import Iterable, Sequence
from email.message import Message
from email.parser import HeaderParser
from email.utils import collapse_rfc2231_value

import msgspec

from gateway.types import JSON

MAX_PARTS = 100
_MAX_HEAD = 8 * 1024
_MAX_NAME = 200
_MAX_BOUNDARY = 70
_PLAIN_ENCODINGS = frozenset({"", "7bit", "8bit", "binary"})
_ESCAPED = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


class InvalidForm(ValueError):
    """The body is no form that has one meaning only; `param` names the field."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class Part(msgspec.Struct, frozen=True):
    """A field of a form: a text, or a file when it has a `filename`.

    `head` holds the header lines as they came; empty for a part of our own.
    """

    name: str
    data: bytes
    filename: str | None = None
    content_type: str = ""
    head: bytes = b""


class Form(JSON):
    """The fields of a form by name; `parts` are all of them, in their order."""

    parts: Sequence[Part] = ()


def parse_form(body: bytes, content_type: bytes) -> list[Part]:
    """Return the parts in their order. Raises `InvalidForm`."""
    separator = b"\r\n--" + _boundary_of(content_type)
    at = _first(body, separator)
    parts: list[Part] = []
    while not body.startswith(b"--", at):
        if len(parts) == MAX_PARTS:
            msg = f"The form has more than {MAX_PARTS} fields."
            raise InvalidForm(msg)
        if not body.startswith(b"\r\n", at):
            msg = "A boundary of the form is not followed by a line break."
            raise InvalidForm(msg)
        # A part without headers has no name, so there is one header at least.
        head_end = body.find(b"\r\n\r\n", at, at + _MAX_HEAD)
        end = body.find(separator, head_end + 4)
        if head_end < 0 or end < 0:
            msg = "The form is cut off, or a field of it has no proper headers."
            raise InvalidForm(msg)
        parts.append(_part(body[at + 2 : head_end], body[head_end + 4 : end]))
        at = end + len(separator)
    return parts


def build_form(parts: Iterable[Part]) -> tuple[bytes, bytes]:
    """Return the body and its content type."""
    boundary = f"signalbox-{secrets.token_hex(16)}".encode()
    pieces: list[bytes] = []
    for part in parts:
        pieces += (b"--", boundary, b"\r\n", part.head or _head_of(part))
        pieces += (b"\r\n\r\n", part.data, b"\r\n")
    pieces += (b"--", boundary, b"--\r\n")
    return b"".join(pieces), b"multipart/form-data; boundary=" + boundary


def text_of(part: Part) -> str:
    try:
        return part.data.decode()
    except UnicodeDecodeError as error:
        msg = f"'{part.name}' must be UTF-8."
        raise InvalidForm(msg, part.name) from error


def fields_of_form(parts: Sequence[Part]) -> Form:
    """Return the form by name: texts as strings, files as their `Part`.

    What is named `…[]`, or stands there several times, is a list.
    """
    found = Form()
    found.parts = parts
    for part in parts:
        value = text_of(part) if part.filename is None else part
        name = part.name.removesuffix("[]")
        if name not in found:
            found[name] = [value] if name != part.name else value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found


def _boundary_of(content_type: bytes) -> bytes:
    message = Message()
    message["content-type"] = content_type.decode("latin-1")
    if message.get_content_type() != "multipart/form-data":
        msg = "The body must be a form: multipart/form-data."
        raise InvalidForm(msg)
    boundary = message.get_boundary("")
    if not 0 < len(boundary) <= _MAX_BOUNDARY or not boundary.isascii():
        msg = "The content type of the form names no valid boundary."
        raise InvalidForm(msg)
    return boundary.encode()


def _first(body: bytes, separator: bytes) -> int:
    """Return where the first boundary ends; what stands before it means nothing."""
    if body.startswith(separator[2:]):
        return len(separator) - 2
    at = body.find(separator)
    if at < 0:
        msg = "The boundary that the content type names is not in the body."
        raise InvalidForm(msg)
    return at + len(separator)


def _part(head: bytes, data: bytes) -> Part:
    headers = HeaderParser().parsestr(head.decode("utf-8", "replace"))
    name = _parameter(headers, "name")
    if headers.get_content_disposition() != "form-data" or not name:
        msg = "A field of the form has no name."
        raise InvalidForm(msg)
    if len(name) > _MAX_NAME or not name.isprintable():
        msg = f"Names of form fields are at most {_MAX_NAME} printable characters."
        raise InvalidForm(msg)
    encoding = headers.get("content-transfer-encoding", "").strip().lower()
    if encoding not in _PLAIN_ENCODINGS:
        msg = f"'{name}' must come as it is, not as {encoding[:40]!r}."
        raise InvalidForm(msg, name)
    return Part(
        name=name,
        data=data,
        filename=_parameter(headers, "filename"),
        content_type=headers.get_content_type() if "content-type" in headers else "",
        head=head,
    )


def _parameter(headers: Message, name: str) -> str | None:
    value = headers.get_param(name, None, "content-disposition")
    if isinstance(value, tuple):
        # The extended notation, which names a charset.
        try:
            return collapse_rfc2231_value(value)
        except ValueError:
            return str(value[2])
    return value


def _head_of(part: Part) -> bytes:
    name = part.name.translate(_ESCAPED)
    head = f'Content-Disposition: form-data; name="{name}"'
    if part.filename is not None:
        head += f'; filename="{part.filename.translate(_ESCAPED)}"'
    if part.content_type:
        head += f"\r\nContent-Type: {part.content_type}"
    return head.encode("utf-8", "replace")
