"""What a route asks of who calls it. A route that states nothing is closed to all.

Who may see and who may change the rows of each model stands in `tenants.access`.
"""

from typing import Any

from django.db.models import Model
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from tenants.access import access_to, changes
from tenants.access_table import Access
from tenants.models import Role
from tenants.roles import Reach, reach_of

READING = ("list", "retrieve")
WRITING = ("create", "update", "partial_update", "destroy")


def access_of(model: type[Model]) -> Access:
    access = access_to(model)
    if access is None:
        msg = f"{model._meta.label} does not stand in tenants.access."
        raise LookupError(msg)
    return access


def roles_for(model: type[Model], **more: Role) -> dict[str, Role]:
    """Return the role that each action takes; `more` are those of its own actions."""
    access = access_of(model)
    return {
        **dict.fromkeys(READING, access.view),
        **dict.fromkeys(WRITING, access.change),
        **more,
    }


def reach_in(request: Request) -> Reach:
    """Return the reach of who is asking, looked up once for a request."""
    reach = getattr(request, "_reach", None)
    if not isinstance(reach, Reach):
        reach = reach_of(request.user)
        request._reach = reach  # type: ignore[attr-defined]  # noqa: SLF001
    return reach


class HasRole(BasePermission):
    """The role that the view's `roles` ask for its action, somewhere.

    Where it must be held is decided by the rows: which ones are seen at all, and, by
    `check_may_change`, which ones may be changed.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        # Nobody at all is None here, by the settings.
        if not getattr(request.user, "is_authenticated", False):
            return False
        roles: dict[str, Role] = getattr(view, "roles", {})
        action: Any = getattr(view, "action", None)
        # No action goes with the method: that is answered with 405, to whoever may ask.
        knows_method = action not in {None, "metadata"}
        role = roles.get(action) if knows_method else Role.READ_ONLY
        if role is None:
            return False
        if not reach_in(request).may_anywhere(role):
            raise PermissionDenied(_needs(role))
        return True

    def has_object_permission(self, request: Request, view: APIView, obj: Any) -> bool:
        action = getattr(view, "action", "")
        if action not in READING:
            role = getattr(view, "roles", {})[action]
            check_may_change(reach_in(request), obj, role)
        return True


def check_may_change(reach: Reach, row: Model, role: Role) -> None:
    """Refuse a change to a row that is somebody else's, or that all share."""
    if not changes(reach, row):
        raise PermissionDenied(_needs(role, "where the row belongs"))


def check_may(reach: Reach, role: Role, organization_id: int) -> None:
    if not reach.may(role, organization_id):
        raise PermissionDenied(_needs(role, "where the row belongs"))


def check_may_everywhere(reach: Reach, role: Role, what: str) -> None:
    if not reach.may(role, None):
        raise PermissionDenied(f"{what}: {_needs(role, 'in the whole installation')}")


def _needs(role: Role, where: str = "") -> str:
    words = f"This needs the role {role.value} {where}".strip()
    return f"{words}."
