"""What the routes of Signalbox's own dialect have in common: closed objects, and errors."""

from drf_spectacular.utils import OpenApiResponse

from gateway.openapi.json_schemas import TEXT, Schema, object_of
from gateway.openapi.refusals import REFUSALS


def own_object(properties: Schema, *required: str, is_open: bool = False) -> Schema:
    """Return the schema of an object that has no other members, unless it `is_open`."""
    return object_of(properties, *required, additionalProperties=is_open)


_ERROR = own_object(
    {
        "success": {"type": "boolean", "const": False},
        "requestId": TEXT,
        "error": own_object(
            {"code": TEXT, "message": TEXT, "param": TEXT}, is_open=True
        ),
    },
    "success",
    "requestId",
    "error",
)


def refusals(*statuses: int) -> dict[int, OpenApiResponse]:
    found = {}
    for status in statuses:
        when, codes = REFUSALS[status]
        listed = ", ".join(f"`{code}`" for code in codes.split())
        found[status] = OpenApiResponse(_ERROR, f"{when} Code: {listed}.")
    return found
