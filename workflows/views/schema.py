"""The JSON Schema of definitions, for editors and everybody else."""

from typing import Any

from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from workflows.definitions.schema import published
from workflows.openapi.stored import definition_schema_schema

PATH = "/api/workflows/schema"


class DefinitionSchemaView(APIView):
    """What a definition may hold; it says nothing about anybody."""

    permission_classes = [AllowAny]

    @definition_schema_schema
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(published(), headers={"cache-control": "public, max-age=300"})
