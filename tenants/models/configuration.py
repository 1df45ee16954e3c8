from django.contrib.postgres.functions import TransactionNow
from django.db import models


class ConfigChange(models.Model):
    """One statement that changed the configuration; its id is the version it made.

    Rows are written by database triggers alone, and only ever added, so that two
    transactions that change the configuration never wait for each other here. Rows of one
    transaction share `transaction_at`, which the audit of what it changed has as well.
    """

    id = models.BigAutoField(primary_key=True)
    table_name = models.CharField(max_length=63)
    changed_at = models.DateTimeField()
    transaction_at = models.DateTimeField(
        db_default=TransactionNow(), db_index=True, editable=False
    )

    class Meta:
        verbose_name = "configuration change"

    def __str__(self) -> str:
        return f"{self.id} ({self.table_name})"
