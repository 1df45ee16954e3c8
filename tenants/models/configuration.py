from django.db import models


class ConfigChange(models.Model):
    """One statement that changed the configuration; its id is the version it made.

    Rows are written by database triggers alone, and only ever added, so that two
    transactions that change the configuration never wait for each other here.
    """

    id = models.BigAutoField(primary_key=True)
    table_name = models.CharField(max_length=63)
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name = "configuration change"

    def __str__(self) -> str:
        return f"{self.id} ({self.table_name})"
