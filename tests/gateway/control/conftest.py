from collections.abc import Iterator

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from pytest_django import DjangoDbBlocker

from tenants.models import Organization, Project, Role
from tests import emptying
from tests.factories import OrganizationFactory, ProjectFactory
from tests.gateway.control.calling import Caller, caller
from tests.gateway.control.catalog_rows import Examples, create_examples


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


@pytest.fixture(scope="module")
def examples(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Examples]:
    """A row of every kind, committed once for a file whose tests take changes back."""
    with django_db_blocker.unblock():
        try:
            platform = caller(Role.OWNER)
            get_user_model().objects.create_user("ada")
            yield Examples(platform, create_examples(platform))
        finally:
            emptying.empty()
