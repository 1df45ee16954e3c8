"""Deliveries that are due: each is tried until it arrives, with longer and longer waits."""

import logging
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from usage.models import Delivery
from usage.notifications.sending import NotSent, send

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 8
_FIRST_WAIT = timedelta(seconds=10)
_AT_ONCE = 100
# While one worker sends, no other takes the same delivery up.
_LEASE = timedelta(seconds=60)


def deliver_due(limit: int = _AT_ONCE) -> int:
    """Send what is due and return how many were tried.

    A worker that dies between sending and writing it down makes a delivery go twice at
    the most; webhooks bear the same id both times.
    """
    tried = 0
    while tried < limit and (delivery := _claim_one()) is not None:
        tried += 1
        _try(delivery)
    return tried


def _claim_one() -> Delivery | None:
    now = timezone.now()
    with transaction.atomic():
        delivery = (
            Delivery.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(state=Delivery.State.PENDING, next_attempt_at__lte=now)
            .select_related("notification", "channel")
            .order_by("next_attempt_at")
            .first()
        )
        if delivery is not None:
            delivery.attempts += 1
            delivery.next_attempt_at = now + _LEASE
            delivery.save(update_fields=["attempts", "next_attempt_at"])
    return delivery


def _try(delivery: Delivery) -> None:
    try:
        send(delivery)
    except NotSent as error:
        _put_off(delivery, str(error))
    except Exception as error:
        # One that cannot be sent must not hold up the others.
        logger.exception("notification failed", extra={"delivery": delivery.pk})
        _put_off(delivery, f"{type(error).__name__}: {error}")
    else:
        delivery.state = Delivery.State.DELIVERED
        delivery.delivered_at = timezone.now()
        delivery.error = ""
    delivery.save(update_fields=["state", "next_attempt_at", "delivered_at", "error"])


def _put_off(delivery: Delivery, why: str) -> None:
    delivery.error = why[:500]
    wait = _FIRST_WAIT * 4 ** (delivery.attempts - 1)
    delivery.next_attempt_at = timezone.now() + wait
    if delivery.attempts >= MAX_ATTEMPTS:
        delivery.state = Delivery.State.FAILED
        logger.warning("notification not delivered", extra={"delivery": delivery.pk})
