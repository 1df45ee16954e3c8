from django.db import models


class CatalogOrigin(models.Model):
    """What the bundled catalog last wrote, so that an operator's change is told apart.

    The row named `everything` stands for the whole catalog as it was loaded last.
    """

    kind = models.CharField(max_length=20)
    key = models.CharField(max_length=400)
    digest = models.CharField(max_length=64)
    loaded_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "key"], name="catalog_origin_once_per_row"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
