"""The audit of configuration: every change of a tracked model is an event row."""

from collections.abc import Callable
from typing import TypeVar

import pghistory
import pgtrigger
from django.db import models

M = TypeVar("M", bound=models.Model)


def audited(*, secret: tuple[str, ...] = ()) -> Callable[[type[M]], type[M]]:
    """Keep before and after of every change of the model; `secret` fields stay out."""
    track: Callable[[type[M]], type[M]] = pghistory.track(
        pghistory.InsertEvent(),
        pghistory.UpdateEvent(),
        pghistory.DeleteEvent(),
        exclude=list(secret) or None,
        level=pgtrigger.Statement,
    )
    return track
