from django.apps import AppConfig


class WorkflowsConfig(AppConfig):
    name = "workflows"

    def ready(self) -> None:
        # Models cannot be imported before all apps are ready.
        from tenants.context import erasing
        from usage.analytics import workflow_runs
        from workflows import erasure
        from workflows.run_figures import run_figures

        workflow_runs.provide(run_figures)
        erasing.also_forget("workflow_runs", erasure.forget)
