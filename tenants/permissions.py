"""Who may use a route. A route that names nobody is closed."""

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView


class DenyAll(BasePermission):
    """The default of every view, so that forgetting to choose opens nothing."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return False
