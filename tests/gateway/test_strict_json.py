"""A body has one meaning, or it is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.strict_json import InvalidJSON, fields_of, join_fields, parse_object

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
    # What looks like the end of a key, inside of a string.
    | st.sampled_from(['":', '\\":', '" :', "\\", '"', ":", '","a":', '\\\\":'])
)
keys = texts | st.sampled_from(["a", "b", '"', '":', "\\", 'a":', " "])
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4)
    ),
    max_leaves=20,
)
objects = st.dictionaries(keys, values, max_size=5)
layouts = st.sampled_from(
    [
        {},
        {"separators": (",", ":")},
        {"indent": 1},
        {"separators": (" ,\t", " \r\n: ")},
        {"ensure_ascii": False},
    ]
)


@given(tree=objects, layout=layouts)
def test_a_valid_object_is_read_as_everybody_reads_it(
    tree: dict[str, Any], layout: dict[str, Any]
) -> None:
    body = json.dumps(tree, **layout).encode()

    assert parse_object(body) == json.loads(body)


@given(tree=objects, layout=layouts)
def test_the_members_of_an_object_joined_are_the_object(
    tree: dict[str, Any], layout: dict[str, Any]
) -> None:
    body = json.dumps(tree, **layout).encode()

    fields = fields_of(body)

    assert {key: json.loads(value) for key, value in fields.items()} == tree
    assert json.loads(join_fields(fields)) == tree


@given(
    before=objects,
    key=keys,
    first=values,
    second=values,
    depth=st.integers(0, 4),
    in_list=st.booleans(),
    escaped=st.booleans(),
    gap=st.sampled_from(["", " ", "\n", "\t "]),
)
def test_a_key_that_stands_twice_is_refused_wherever_it_is(
    before: dict[str, Any],
    key: str,
    first: Any,
    second: Any,
    depth: int,
    in_list: bool,
    escaped: bool,
    gap: str,
) -> None:
    name = other = json.dumps(key)
    if escaped and max(map(ord, key), default=0) <= 0xFFFF:
        other = '"' + "".join(f"\\u{ord(c):04x}" for c in key) + '"'
    text = f"{{{name}{gap}:{json.dumps(first)},{other}{gap}:{json.dumps(second)}}}"
    for level in range(depth):
        text = f"[{text}]" if in_list else f'{{"level{level}":{text}}}'
    members = json.dumps({**before, "holder": None})
    body = members.replace('"holder": null', f'"holder": {text}')

    with pytest.raises(InvalidJSON):
        parse_object(body.encode())


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"a": 1, "a": 2}', "'a' stands twice"),
        (b'{"a": {"b": [{"c": 1, "d": 2, "c": 3}]}}', "'c' stands twice"),
        (b'{"a\\"": 1, "a\\"": 2}', "stands twice"),
        (b'{"a": 1, "\\u0061": 2}', "'a' stands twice"),
        (b"[]", "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b'{"a": NaN}', "not valid JSON"),
        (b'{"a": 1e999}', "not valid JSON"),
        (b'{"a": "\xff"}', "not valid JSON"),
        (b'{"a": "\\ud800"}', "not valid JSON"),
        (b'{"a": "\x00"}', "not valid JSON"),
        (b'\xef\xbb\xbf{"a": 1}', "not valid JSON"),
        ('{"a": 1}'.encode("utf-16"), "not valid JSON"),
        (b'{"a":' * 250 + b"1" + b"}" * 250, "deeper than 200"),
        (b'{"a":' + b"[" * 250 + b"]" * 250 + b"}", "deeper than 200"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "not valid JSON"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(body: bytes, words: str) -> None:
    with pytest.raises(InvalidJSON, match=words):
        parse_object(body)


@given(body=st.binary(max_size=200))
def test_no_bytes_break_the_reader(body: bytes) -> None:
    try:
        tree = parse_object(body)
    except InvalidJSON:
        return
    assert fields_of(body).keys() == tree.keys()


def test_every_depth_up_to_the_bound_is_read() -> None:
    body = b'{"a":' * 199 + b"1" + b"}" * 199

    assert parse_object(body)["a"]["a"]
