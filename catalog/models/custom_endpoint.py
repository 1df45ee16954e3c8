from django.db import models

from catalog.models.provider import Provider
from tenants.models.project import ProjectScopedQuerySet


class OwnedManager(models.Manager["CustomEndpoint"]):
    def get_queryset(self) -> ProjectScopedQuerySet:
        return ProjectScopedQuerySet(self.model, using=self._db).exclude(project=None)

    def for_project(self, project: object) -> ProjectScopedQuerySet:
        return self.get_queryset().filter(project=project)


class CustomEndpoint(Provider):
    """A project's own provider: a server that speaks as OpenAI does, for it alone."""

    objects = OwnedManager()  # type: ignore[misc, assignment]

    class Meta:
        proxy = True
        ordering = ["project", "slug"]
        verbose_name = "custom endpoint"
