from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.multipart import (
    MAX_PARTS,
    InvalidForm,
    Part,
    build_form,
    fields_of_form,
    parse_form,
)
from gateway.simulator.forms import read_form

TYPE = b'multipart/form-data; boundary="x y"'
names = st.text(
    st.characters(blacklist_categories=["C", "Z"], blacklist_characters='"\\;%'),
    min_size=1,
    max_size=20,
).map(lambda name: f"n{name}")


def form(*pieces: bytes) -> bytes:
    return b"".join(b"--x y\r\n%b\r\n" % piece for piece in pieces) + b"--x y--\r\n"


def field(name: str, value: bytes, more: str = "") -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"{more}'
    return head.encode() + b"\r\n\r\n" + value


@given(
    st.lists(st.tuples(names, st.binary(max_size=300), st.none() | names), max_size=8)
)
def test_what_is_put_together_is_taken_apart_again(
    told: list[tuple[str, bytes, str | None]],
) -> None:
    parts = [
        Part(name, data, filename, "" if filename is None else "audio/wav")
        for name, data, filename in told
    ]

    found = parse_form(*build_form(parts))

    assert [(p.name, p.data, p.filename, p.content_type) for p in found] == [
        (p.name, p.data, p.filename, p.content_type) for p in parts
    ]
    assert parse_form(*build_form(found)) == found


@given(st.binary(max_size=500))
def test_a_file_of_any_bytes_is_understood_by_another_reader(data: bytes) -> None:
    body, content_type = build_form(
        [Part("model", b"m"), Part("file", data, "a.wav", "audio/wav")]
    )

    assert read_form(body, content_type.decode()) == {
        "model": "m",
        "file": {"filename": "a.wav", "type": "audio/wav", "data": data},
    }


@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda b: form(b)))
def test_no_bytes_are_anything_but_a_form_or_none(body: bytes) -> None:
    try:
        parts = parse_form(body, TYPE)
    except InvalidForm:
        return
    assert parts or body.find(b"--x y--") >= 0


def test_fields_are_found_by_name() -> None:
    body = b"preamble\r\n" + form(
        field("model", b"fast"),
        field("kinds[]", b"word"),
        field("twice", b"1"),
        field("twice", b"2"),
        field("kinds[]", b"segment"),
        field("file", b"\r\n\r\n--x", '; filename="a b.wav"'),
        field("odd", b"", "; filename*=utf-8''%C3%A4.wav"),
    )

    fields = fields_of_form(parse_form(body, TYPE))

    sound, odd = fields.pop("file"), fields.pop("odd")
    assert (sound.filename, sound.data) == ("a b.wav", b"\r\n\r\n--x")
    assert (odd.filename, odd.data) == ("ä.wav", b"")
    assert fields == {
        "model": "fast",
        "kinds": ["word", "segment"],
        "twice": ["1", "2"],
    }


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (form(field("a", b"1")), b"multipart/form-data"),
        (form(field("a", b"1")), b"multipart/form-data; boundary=" + b"x" * 71),
        (form(field("a", b"1")), b"multipart/mixed; boundary=x"),
        (form(field("a", b"1")), b"application/json"),
        (form(field("a", b"1")), b""),
        (form(field("a", b"1"))[:-9], TYPE),
        (form(b"Content-Type: text/plain\r\n\r\n1"), TYPE),
        (form(b'Content-Disposition: attachment; name="a"\r\n\r\n1'), TYPE),
        (form(field("", b"1")), TYPE),
        (form(field("a" * 201, b"1")), TYPE),
        (form(field("a\x00b", b"1")), TYPE),
        (form(b"x" * 9000 + b"\r\n\r\n"), TYPE),
        (form(field("a", b"1") + b"\r\n--x yz"), TYPE),
        (
            form(b"Content-Transfer-Encoding: base64\r\n" + field("a", b"MQ==")),
            TYPE,
        ),
        (form(*[field("a", b"1")] * (MAX_PARTS + 1)), TYPE),
        (b"", TYPE),
    ],
)
def test_what_has_no_one_meaning_is_refused(body: bytes, content_type: bytes) -> None:
    with pytest.raises(InvalidForm):
        parse_form(body, content_type)


def test_a_text_must_be_one() -> None:
    parts = parse_form(form(field("prompt", b"\xff")), TYPE)

    with pytest.raises(InvalidForm) as refused:
        fields_of_form(parts)

    assert refused.value.param == "prompt"


def test_a_name_cannot_end_its_header() -> None:
    evil: Any = 'a"\r\nX-Evil: 1'

    body, _ = build_form([Part(evil, b"1", filename=evil)])

    assert b"\r\nX-Evil" not in body
