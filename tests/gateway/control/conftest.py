import pytest
from django.test import Client

from tenants.models import Organization, Project, Role
from tests.factories import OrganizationFactory, ProjectFactory
from tests.gateway.control.calling import Caller, caller


@pytest.fixture
def organization(db: None) -> Organization:
    return OrganizationFactory.create(slug="nice", name="Nice")


@pytest.fixture
def project(organization: Organization) -> Project:
    return ProjectFactory.create(slug="acorn", organization=organization)


@pytest.fixture
def foreign(db: None) -> Project:
    """The project of another organization, of which nobody here may learn."""
    other = OrganizationFactory.create(slug="other", name="Other")
    return ProjectFactory.create(slug="birch", organization=other)


@pytest.fixture
def operator(organization: Organization) -> Caller:
    """An operator of the organization."""
    return caller(Role.OPERATOR, organization)


@pytest.fixture
def platform(db: None) -> Caller:
    """An owner of the whole installation."""
    return caller(Role.OWNER)


@pytest.fixture
def browser() -> Client:
    """Somebody without any token."""
    return Client()
