"""Going through the rules and telling what they find."""

import logging

from django.db import DatabaseError
from django.utils import timezone

from usage.alerts.rules import RULES
from usage.models import BudgetWarning
from usage.notifications.telling import tell

logger = logging.getLogger(__name__)


def watch() -> int:
    """Tell what is new, and return how much that was. One rule that fails stops no other."""
    told = 0
    began = timezone.now()
    for rule in RULES:
        try:
            for finding in rule():
                told += (
                    tell(
                        finding.news,
                        organization=finding.organization,
                        project=finding.project,
                    )
                    is not None
                )
        except DatabaseError:
            logger.exception("alert rule failed", extra={"rule": rule.__name__})
    BudgetWarning.objects.filter(told_at=None, created_at__lt=began).update(
        told_at=began
    )
    return told
