"""Who may use a route. A route that names nobody is closed."""

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

if TYPE_CHECKING:
    # DRF's views import this module while they are being imported themselves.
    from rest_framework.views import APIView


class DenyAll(BasePermission):
    """The default of every view, so that forgetting to choose opens nothing."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        return False
