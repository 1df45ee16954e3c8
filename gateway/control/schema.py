"""How the routes of the control API are described."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse

from gateway.control.errors import REFUSALS
from gateway.openapi.json_schemas import component

TAG = "Control API"

_VERBS = {
    "list": "List {many}",
    "retrieve": "Show one of the {many}",
    "create": "Add to the {many}",
    "update": "Replace one of the {many}",
    "partial_update": "Change one of the {many}",
    "destroy": "Delete one of the {many}",
}
_WRITING = {"create", "update", "partial_update"}
_MATCHING = {"update", "partial_update", "destroy"}
_ALWAYS = (400, 401, 403, 429, 503)
_EXAMPLES = {
    400: {
        "name": ["This field is required."],
        "nmae": ["Unknown field; did you mean name?"],
    },
    409: {"used_by": ["target acme/acme-large-2"]},
}
_IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    "header",
    description="`ETag` of the version that is to be changed; another one: 412.",
)
_ETAG = OpenApiParameter(
    "ETag", str, "header", description="The version of the row.", response=[200, 201]
)


def refusals(*statuses: int) -> dict[int, OpenApiResponse]:
    """Return the error responses with these statuses, and with those that all have."""
    return {status: _refusal(status) for status in sorted({*_ALWAYS, *statuses})}


def answers(found: Mapping[Any, Any], *statuses: int) -> dict[Any, Any]:
    """Return the responses of an operation; `found` are those when it goes well."""
    return {**found, **refusals(*statuses)}


def _refusal(status: int) -> OpenApiResponse:
    when, codes = REFUSALS[status]
    listed = ", ".join(f"`{code}`" for code in codes.split())
    examples = []
    if fields := _EXAMPLES.get(status):
        error = {"code": codes.split()[0], "message": "…", "fields": fields}
        examples = [
            OpenApiExample(
                codes.split()[0], {"error": error}, status_codes=[str(status)]
            )
        ]
    return OpenApiResponse(
        component("ControlError"), f"{when} Code: {listed}.", examples
    )


class ControlSchema(AutoSchema):
    """Tells of each action what the view declares: bodies, rows, examples."""

    view: Any

    @property
    def action(self) -> str:
        return str(getattr(self.view, "action", "") or self.method.lower())

    def get_tags(self) -> list[str]:
        return [TAG]

    def get_operation_id(self) -> str:
        return f"control_{self._resource().replace('-', '_')}_{self.action}"

    def get_summary(self) -> str | None:
        if pattern := _VERBS.get(self.action):
            return pattern.format(many=self._resource().replace("-", " "))
        return super().get_summary()

    def get_description(self) -> str:  # type: ignore[override]
        role = self.view.roles.get(self.action)
        told = super().get_description() if self.action not in _VERBS else ""
        needs = f"Role: `{role.value}`." if role is not None else ""
        return f"{told}\n\n{needs}".strip()

    def get_override_parameters(self) -> list[Any]:
        if self.action in _MATCHING:
            return [_IF_MATCH, _ETAG]
        return [_ETAG] if self.action in {"retrieve", "create"} else []

    def get_request_serializer(self) -> Any:
        if self.action in _WRITING:
            return self.view.write_serializer_class
        return None

    def get_response_serializers(self) -> Any:
        row = self.view.read_serializer_class
        match self.action:
            case "list":
                return answers({200: row(many=True)})
            case "retrieve":
                return answers({200: row}, 404)
            case "create":
                return answers({201: row}, 409, 413, 415)
            case "destroy":
                return answers(
                    {204: OpenApiResponse(None, "It is gone.")}, 404, 409, 412
                )
            case _:
                return answers({200: row}, 404, 409, 412, 413, 415)

    def get_examples(self) -> list[OpenApiExample]:
        found = []
        row = getattr(self.view, "example_row", None)
        if self.action in _WRITING and (body := self.view.example_body):
            found.append(OpenApiExample("Body", body, request_only=True))
        if row and self.action in _VERBS:
            found.append(OpenApiExample("Row", row, response_only=True))
        return found

    def get_filter_backends(self) -> list[Any]:
        return super().get_filter_backends() if self.action == "list" else []

    def _resource(self) -> str:
        after = self.path.partition("/control/v1/")[2].split("/")
        named = [part for part in after if part and not part.startswith("{")]
        return "-".join(named if self.action in _VERBS else named[:1])
