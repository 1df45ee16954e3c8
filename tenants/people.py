"""Adding people to organizations, and what has to hold of their roles."""

from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import Q
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from tenants.models import Membership, Role
from tenants.roles import Reach, includes


def check_may_give(reach: Reach, role: str, organization_id: int | None) -> None:
    """Refuse a role above one's own."""
    if not includes(reach.highest(organization_id), Role(role)):
        msg = "Nobody gives a role above their own."
        raise ValidationError(msg)


def check_owner_remains(membership: Membership, role: str | None, reach: Reach) -> None:
    """Refuse to take the role from the last owner; `role` is what takes its place.

    The installation's owners may: an organization is never out of their reach.
    """
    if membership.role != Role.OWNER or role == Role.OWNER:
        return
    others = Membership.objects.filter(
        organization=membership.organization_id, role=Role.OWNER, user__is_active=True
    ).exclude(pk=membership.pk)
    if membership.organization_id is None:
        superusers = User.objects.filter(is_superuser=True, is_active=True)
        remains = others.exists() or superusers.exists()
    else:
        remains = others.exists() or reach.may(Role.OWNER, None)
    if not remains:
        msg = "This is the last owner; make somebody else an owner first."
        raise ValidationError(msg)


def user_named(text: str) -> tuple[User, bool]:
    """Return the user of that name or e-mail address, and whether they are new.

    Somebody new is made of an e-mail address, without a password, and is not saved yet.
    """
    name = text.strip()
    exact = User.objects.filter(username=name).first()
    if exact is not None:
        return exact, False
    known = list(User.objects.filter(Q(email__iexact=name) & ~Q(email=""))[:2])
    if len(known) > 1:
        msg = "Several users have this e-mail address; give the user name."
        raise ValidationError(msg)
    if known:
        return known[0], False
    try:
        validate_email(name)
    except ValidationError:
        msg = "There is no such user. Give an e-mail address to invite somebody new."
        raise ValidationError(msg) from None
    user = User(username=name.lower()[:150], email=name.lower())
    user.set_unusable_password()
    return user, True


def invitation_path(user: User) -> str:
    """Return the path of the page where the user chooses a password, once."""
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    token = default_token_generator.make_token(user)
    return reverse("set_password", args=[uid, token])


def may_be_invited_again(user: User, reach: Reach) -> bool:
    """Tell whether a link for choosing a password may be shown once more.

    Never for somebody who has come in already, or who is known to others as well: who
    holds the link holds the account.
    """
    if user.is_superuser or user.has_usable_password() or user.last_login is not None:
        return False
    if not user.email or user.username != user.email[:150]:
        # Not made by an invitation.
        return False
    return all(
        reach.may(Role.OWNER, membership.organization_id)
        for membership in user.memberships.all()
    )
