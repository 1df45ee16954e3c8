from django.apps import AppConfig


class WorkflowsConfig(AppConfig):
    name = "workflows"

    def ready(self) -> None:
        # Models cannot be imported before all apps are ready.
        from usage.analytics import workflow_runs
        from workflows.run_figures import run_figures

        workflow_runs.provide(run_figures)
