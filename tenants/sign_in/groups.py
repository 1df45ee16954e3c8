"""Roles that the groups of an identity provider stand for."""

import logging
from typing import Any

import pghistory
from django.conf import settings
from django.contrib.auth.models import User

from tenants.models import Membership, Organization, Role
from tenants.roles import includes

log = logging.getLogger(__name__)


def is_given_a_role(claims: dict[str, Any]) -> bool:
    return bool(settings.OIDC["default_role"]) or any(
        role is not None for role in _roles_by_organization(claims).values()
    )


def give_roles(user: User, claims: dict[str, Any]) -> None:
    """Make the memberships what the groups say.

    The organizations that SIGNALBOX_OIDC_GROUPS names are governed by groups alone: who
    is in none of theirs has no role there. Other memberships stay as people made them.
    """
    with pghistory.context(actor=f"OIDC sign-in of {user.get_username()}"):
        for organization_id, role in _roles_by_organization(claims).items():
            held = Membership.objects.filter(user=user, organization=organization_id)
            if role is None:
                held.delete()
            elif not held.filter(role=role).exists():
                Membership.objects.update_or_create(
                    user=user,
                    organization_id=organization_id,
                    defaults={"role": role},
                )
        _give_default_role(user)


def _give_default_role(user: User) -> None:
    role, slug = settings.OIDC["default_role"], settings.OIDC["organization"]
    if not role or user.last_login is not None or user.memberships.exists():
        return
    organization = Organization.objects.filter(slug=slug).first()
    if organization is None:
        log.warning("SIGNALBOX_OIDC_ORGANIZATION names no organization: %s", slug)
        return
    Membership.objects.create(user=user, organization=organization, role=role)


def _roles_by_organization(claims: dict[str, Any]) -> dict[Any, Role | None]:
    """Return the highest role that the groups give in each organization they govern.

    By the organization's id; None is the whole installation.
    """
    told = claims.get(settings.OIDC["groups_claim"]) or []
    groups = {str(group) for group in (told if isinstance(told, list) else [told])}
    slugs = {given["organization"] for given in settings.OIDC["groups"].values()}
    ids = dict(Organization.objects.filter(slug__in=slugs).values_list("slug", "id"))
    found: dict[Any, Role | None] = {}
    for name, given in settings.OIDC["groups"].items():
        slug = given["organization"]
        if slug and slug not in ids:
            log.warning("SIGNALBOX_OIDC_GROUPS names no organization: %s", slug)
            continue
        where = ids[slug] if slug else None
        held = found.setdefault(where, None)
        role = Role(given["role"])
        if name in groups and not includes(held, role):
            found[where] = role
    return found
