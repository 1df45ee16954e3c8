"""The admin's pages of workflows: definitions, runs, and what begins runs."""

from workflows.admin import incoming_webhooks, runs, schedules, versions, workflows

__all__ = ["incoming_webhooks", "runs", "schedules", "versions", "workflows"]
