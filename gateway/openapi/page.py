"""The schema as the page of the API shows it: sections, operations, tables."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.html import escape
from django.utils.safestring import SafeString

JSON = Mapping[str, Any]

_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True)
class Field:
    """A header, a parameter or a member of a body."""

    name: str
    kind: str
    required: bool
    description: SafeString


@dataclass(frozen=True, slots=True)
class Example:
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    status: str
    description: SafeString
    examples: list[Example]


@dataclass(frozen=True, slots=True)
class Operation:
    id: str
    method: str
    path: str
    summary: str
    description: SafeString
    parameters: list[Field]
    body: list[Field]
    requests: list[Example]
    headers: list[Field]
    answers: list[Answer]


def places_of_key(schema: JSON) -> list[JSON]:
    """Return the places in which a project key may stand, the best first."""
    schemes = schema["components"]["securitySchemes"]
    alternatives = schema["paths"]["/v1/models"]["get"]["security"]
    return [schemes[name] for alternative in alternatives for name in alternative]


def sections_of(schema: JSON) -> list[tuple[str, list[Operation]]]:
    """Return the operations by tag, in the order of the schema."""
    found: dict[str, list[Operation]] = {}
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            tag = (operation.get("tags") or ["Other"])[0]
            found.setdefault(tag, []).append(
                _operation(schema, path, method, operation)
            )
    return list(found.items())


def _operation(schema: JSON, path: str, method: str, told: JSON) -> Operation:
    body = told.get("requestBody", {}).get("content", {}).get("application/json", {})
    return Operation(
        id=told["operationId"],
        method=method.upper(),
        path=path,
        summary=told.get("summary", ""),
        description=_words(told),
        parameters=[
            Field(
                each["name"],
                each["in"],
                bool(each.get("required")),
                _words(each),
            )
            for each in told.get("parameters", [])
        ],
        body=_members(schema, body.get("schema", {})),
        requests=_examples(body),
        headers=_headers(told["responses"]),
        answers=[
            Answer(status, _words(each), _examples_of_all(each))
            for status, each in sorted(told["responses"].items())
        ],
    )


def _members(schema: JSON, body: JSON, prefix: str = "") -> list[Field]:
    """Return the members of a body, objects of its own with a dot."""
    body = _resolved(schema, body)
    fields: list[Field] = []
    for name, member in body.get("properties", {}).items():
        meant = _resolved(schema, member)
        fields.append(
            Field(
                prefix + name,
                _kind(meant),
                name in body.get("required", ()),
                _words(meant),
            )
        )
        if meant.get("properties"):
            fields.extend(_members(schema, meant, f"{prefix}{name}."))
    return fields


def _resolved(schema: JSON, part: JSON) -> JSON:
    if "$ref" not in part:
        return part
    found: Any = schema
    for step in part["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    resolved: JSON = found
    return resolved


def _kind(member: JSON) -> str:
    kind = member.get("type", "")
    kinds = [kind] if isinstance(kind, str) else kind
    if ways := member.get("oneOf"):
        kinds = [way.get("type", "") for way in ways]
    if values := member.get("enum"):
        return " or ".join(map(str, values))
    return " or ".join(name for name in kinds if name != "null")


def _headers(responses: JSON) -> list[Field]:
    """Return the headers of all answers, with the statuses that have them."""
    statuses: dict[str, list[str]] = {}
    descriptions: dict[str, SafeString] = {}
    for status, response in sorted(responses.items()):
        for name, header in response.get("headers", {}).items():
            statuses.setdefault(name, []).append(status)
            descriptions[name] = _words(header)
    return [
        Field(name, _range(statuses[name], responses), False, descriptions[name])
        for name in statuses
    ]


def _range(statuses: list[str], responses: JSON) -> str:
    return "every answer" if len(statuses) == len(responses) else ", ".join(statuses)


def _words(part: JSON) -> SafeString:
    """Return the description for the page, with what stands in backticks as code."""
    escaped = escape(part.get("description", ""))
    return SafeString(_CODE.sub(r"<code>\1</code>", escaped))


def _examples_of_all(response: JSON) -> list[Example]:
    return [
        example
        for content in response.get("content", {}).values()
        for example in _examples(content)
    ]


def _examples(content: JSON) -> list[Example]:
    return list(_named_examples(content.get("examples", {}).items()))


def _named_examples(examples: Iterable[tuple[str, JSON]]) -> Iterator[Example]:
    for name, example in examples:
        text = json.dumps(example["value"], indent=2, ensure_ascii=False)
        yield Example(example.get("summary", name), text)
