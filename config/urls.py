"""Every route of the product. Inference routes stand in gateway.urls as well."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from gateway.admin.context_preview import preview_page
from gateway.admin.explain import explain_page
from gateway.admin.playground.page import (
    playground_page,
    run_playground,
    show_command,
)
from gateway.openapi.views import docs_page, schema_view
from usage.admin.project_page import project_page
from usage.admin.quality import quality_page
from usage.admin.requests.page import find_request, request_page

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path(
        "admin/context-preview/",
        admin.site.admin_view(preview_page),
        name="context_preview",
    ),
    path("admin/explain/", admin.site.admin_view(explain_page), name="explain"),
    path(
        "admin/playground/", admin.site.admin_view(playground_page), name="playground"
    ),
    path(
        "admin/playground/run/",
        admin.site.admin_view(run_playground),
        name="playground-run",
    ),
    path(
        "admin/playground/command/",
        admin.site.admin_view(show_command),
        name="playground-command",
    ),
    path("admin/quality/", admin.site.admin_view(quality_page), name="quality"),
    path("admin/requests/", admin.site.admin_view(find_request), name="find-request"),
    path(
        "admin/requests/<uuid:request_id>/",
        admin.site.admin_view(request_page),
        name="request",
    ),
    path(
        "admin/projects/<slug:slug>/",
        admin.site.admin_view(project_page),
        name="project",
    ),
    path("admin/", include("tenants.sign_in.urls")),
    path("admin/", admin.site.urls),
    path("api/schema/", schema_view, name="schema"),
    path("api/docs/", docs_page, name="docs"),
    path("api/control/v1/", include("gateway.control.urls")),
    path("", include("gateway.end_users.urls")),
    path("", include("gateway.feedback.urls")),
    path("", include("gateway.context.api.urls")),
    path("", include("workflows.urls")),
    path("", include("gateway.urls")),
]
