"""People with a role."""

from django.contrib.auth.models import User

from tenants.models import Membership, Organization, Role


def person(
    role: str = Role.READ_ONLY,
    organization: Organization | None = None,
    name: str = "ann",
    **fields: object,
) -> User:
    """Return somebody with that role, in the whole installation unless it is said where."""
    user = User.objects.create_user(name, password="a-long-pass-phrase", **fields)  # type: ignore[arg-type]
    Membership.objects.create(user=user, organization=organization, role=role)
    return user
