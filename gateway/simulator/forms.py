"""Forms, read by the standard library's reader of messages."""

from email.message import Message
from email.parser import BytesParser
from typing import Any

from gateway.simulator.types import JSON


def read_form(raw: bytes, content_type: str | None) -> JSON | None:
    """Return the fields of a form, those named `…[]` as lists; None when it is none.

    A file is an object with its name, its content type and its bytes.
    """
    head = b"content-type: " + (content_type or "").encode("latin-1") + b"\r\n\r\n"
    message = BytesParser().parsebytes(head + raw)
    if message.get_content_type() != "multipart/form-data" or message.defects:
        return None
    fields: dict[str, Any] = {}
    for part in message.get_payload():
        name = str(part.get_param("name", "", "content-disposition"))  # type: ignore[union-attr]
        value = _value(part)  # type: ignore[arg-type]
        if name.endswith("[]"):
            fields.setdefault(name[:-2], []).append(value)
        else:
            fields[name] = value
    return fields


def _value(part: "Message[str, str]") -> Any:
    data = part.get_payload(decode=True)
    assert isinstance(data, bytes)  # noqa: S101
    if (filename := part.get_filename()) is None:
        return data.decode()
    return {"filename": filename, "type": part.get_content_type(), "data": data}
