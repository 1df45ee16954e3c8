"""What people may do: each role where it was given, and whatever lesser ones may."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.http import HttpRequest

from tenants.models import Membership, Role

_KEPT = "_signalbox_reach"
_RANK = {
    Role.READ_ONLY: 1,
    Role.ANALYST: 2,
    Role.OPERATOR: 3,
    Role.OWNER: 4,
}


@dataclass(frozen=True, slots=True)
class Reach:
    """Where somebody may do what. `everywhere` is a role in the whole installation."""

    everywhere: Role | None = None
    organizations: Mapping[int, Role] = field(default_factory=dict)
    user_id: int | None = None

    def __bool__(self) -> bool:
        """Tell whether there is anything that this person may do."""
        return self.everywhere is not None or bool(self.organizations)

    def may(self, role: Role, organization_id: int | None) -> bool:
        """Tell whether the role is held there; None is what all organizations share."""
        if includes(self.everywhere, role):
            return True
        return organization_id is not None and includes(
            self.organizations.get(organization_id), role
        )

    def may_anywhere(self, role: Role) -> bool:
        return includes(self.everywhere, role) or bool(self.organization_ids(role))

    def highest(self, organization_id: int | None) -> Role | None:
        """Return the highest role that is held there, or None."""
        return next((role for role in Role if self.may(role, organization_id)), None)

    def organization_ids(self, role: Role) -> frozenset[int] | None:
        """Return the organizations in which the role is held; None: in all of them."""
        if includes(self.everywhere, role):
            return None
        return frozenset(
            key for key, held in self.organizations.items() if includes(held, role)
        )


def includes(held: Role | None, role: Role) -> bool:
    return held is not None and _RANK[held] >= _RANK[role]


def reach_of(user: AbstractBaseUser | AnonymousUser) -> Reach:
    """Return the roles of a person; a superuser owns the installation."""
    if not user.is_authenticated or not user.is_active:
        return Reach()
    if getattr(user, "is_superuser", False):
        return Reach(everywhere=Role.OWNER, user_id=user.pk)
    everywhere: Role | None = None
    held: dict[int, Role] = {}
    for membership in Membership.objects.filter(user_id=user.pk):
        role = Role(membership.role)
        if membership.organization_id is None:
            everywhere = role
        else:
            held[membership.organization_id] = role
    return Reach(everywhere, held, user.pk)


def reach_for(request: HttpRequest) -> Reach:
    """Return the roles of who asks, read once for the request."""
    known: tuple[object, Reach] | None = getattr(request, _KEPT, None)
    if known is None or known[0] != request.user.pk:
        known = (request.user.pk, reach_of(request.user))
        setattr(request, _KEPT, known)
    return known[1]
