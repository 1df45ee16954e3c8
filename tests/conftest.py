"""Fixtures that every test may use; the servers are started by tests/services.py."""

import pytest

from tenants.models import Project
from tests import emptying
from tests.factories import ProjectFactory

emptying.install()


@pytest.fixture
def project(db: None) -> Project:
    return ProjectFactory.create(slug="acorn")


@pytest.fixture
def other_project(db: None) -> Project:
    """A tenant whose data must never appear in `project`'s answers."""
    return ProjectFactory.create(slug="birch")
