from django.db import models

from tenants.models.project import Project, ProjectScopedQuerySet


class DataKey(models.Model):
    """A key that seals one project's secrets, itself wrapped by a key-encryption key.

    The row without a project seals what belongs to the whole installation.
    """

    project = models.OneToOneField(
        Project,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="data_key",
    )
    kek_id = models.CharField(max_length=64)
    wrapped = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ProjectScopedQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project"],
                nulls_distinct=False,
                name="data_key_one_per_project",
            )
        ]

    def __str__(self) -> str:
        return f"data key of {self.project or 'the installation'}"
