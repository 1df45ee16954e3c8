"""The ways to order targets that a project or an alias may choose."""

from django.db import models


class Strategy(models.TextChoices):
    """How the candidates of a request are ordered."""

    PRIORITY = "priority"
    CHEAPEST = "cheapest"
    FASTEST = "fastest"
    WEIGHTED = "weighted"
