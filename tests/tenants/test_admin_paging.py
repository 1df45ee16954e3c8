import pytest
from django.db import connection
from django.test import Client

from tenants.admin import paging
from tenants.admin.paging import EstimatingPaginator
from tenants.models import Project
from tests.admin_pages import text_of
from tests.gateway.rows import make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def projects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine projects, where only four are counted."""
    monkeypatch.setattr(paging, "COUNTED", 4)
    for number in range(9):
        make_project(f"p-{number}")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE tenants_project")


@pytest.mark.usefixtures("projects")
def test_a_whole_list_is_estimated_rather_than_counted() -> None:
    pages = EstimatingPaginator(Project.objects.order_by("slug"), 3)

    assert (pages.count, pages.about) == (9, "about")


@pytest.mark.usefixtures("projects")
def test_a_filtered_list_is_counted_up_to_a_bound() -> None:
    many = EstimatingPaginator(Project.objects.filter(slug__startswith="p"), 3)
    few = EstimatingPaginator(Project.objects.filter(slug="p-1"), 3)

    assert (many.count, many.about) == (4, "more than")
    assert (few.count, few.about) == (1, "")


@pytest.mark.usefixtures("projects")
def test_pages_far_back_hold_the_same_rows_in_the_same_order() -> None:
    pages = EstimatingPaginator(Project.objects.order_by("-slug"), 3)

    shown = [project.slug for number in (1, 2, 3) for project in pages.page(number)]

    assert shown == [f"p-{number}" for number in range(8, -1, -1)]


@pytest.mark.usefixtures("projects")
def test_the_list_says_that_its_figure_is_an_estimate(admin_client: Client) -> None:
    page = text_of(admin_client.get("/admin/tenants/project/"))

    assert "about 9 projects" in page
