"""The routes of workflows. The edge resolves them, but for the schema and incoming webhooks."""

from django.urls import path

from workflows.views.deciding import ApproveView, RejectView
from workflows.views.hooks import HookView
from workflows.views.running import CancelView, RetryView, RunView
from workflows.views.runs import EventsView, OneRunView, RunsView, StepView
from workflows.views.schema import DefinitionSchemaView
from workflows.views.stored import (
    CreateView,
    ListView,
    OneWorkflowView,
    SigningSecretView,
    ValidateView,
)

# Whose path begins so is answered by the edge.
PREFIX = "/api/workflows/"

urlpatterns = [
    path("api/workflows/schema", DefinitionSchemaView.as_view()),
    path("api/workflows/hooks/<uuid:hook_id>", HookView.as_view()),
    path("api/workflows/run", RunView.as_view()),
    path("api/workflows/create", CreateView.as_view()),
    path("api/workflows/validate", ValidateView.as_view()),
    path("api/workflows/list", ListView.as_view()),
    path("api/workflows/signing-secret", SigningSecretView.as_view()),
    path("api/workflows/runs", RunsView.as_view()),
    path("api/workflows/runs/<uuid:run_id>", OneRunView.as_view()),
    path("api/workflows/runs/<uuid:run_id>/cancel", CancelView.as_view()),
    path("api/workflows/runs/<uuid:run_id>/retry", RetryView.as_view()),
    path("api/workflows/runs/<uuid:run_id>/approve", ApproveView.as_view()),
    path("api/workflows/runs/<uuid:run_id>/reject", RejectView.as_view()),
    path("api/workflows/runs/<uuid:run_id>/events", EventsView.as_view()),
    path("api/workflows/runs/<uuid:run_id>/steps/<str:step>", StepView.as_view()),
    path("api/workflows/<str:workflow>", OneWorkflowView.as_view()),
]
