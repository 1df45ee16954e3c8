from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html

from tenants.admin.activation import ActivationAdmin
from tenants.admin.unfolded import display
from tenants.models import Organization


@admin.register(Organization)
class OrganizationAdmin(ActivationAdmin):
    list_display = ["slug", "name", "active", "projects_link", "created_at"]
    list_filter = ["active"]
    search_fields = ["slug", "name"]
    prepopulated_fields = {"slug": ["name"]}
    fields = ["name", "slug", "active"]

    @display(description="projects")
    def projects_link(self, organization: Organization) -> str:
        url = reverse("admin:tenants_project_changelist")
        return format_html(
            '<a class="sb-link" href="{}?organization__id__exact={}">Show projects</a>',
            url,
            organization.pk,
        )
