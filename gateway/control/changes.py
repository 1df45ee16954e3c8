"""One change of the configuration: all of it or nothing, and refusals that say why."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, InternalError, transaction
from django.db.models import Model, ProtectedError, RestrictedError
from django.utils.text import capfirst
from rest_framework.exceptions import ValidationError as FieldsRefused

from gateway.control.errors import NOT_FIELDS, Conflict, InUse, refused_by_model
from tenants.roles import Reach
from tenants.used_by import users_of

_FOREIGN_KEY = "23503"


@contextmanager
def changing(model: type[Model]) -> Iterator[None]:
    """Run in one transaction; what the model or the database refuses is told apart."""
    try:
        with transaction.atomic():
            yield
    except ValidationError as error:
        raise refused_by_model(error) from error
    except (ProtectedError, RestrictedError) as error:
        raise Conflict("Other rows need it; remove them first.") from error
    except IntegrityError as error:
        raise _violation(error, model) from error
    except (DataError, InternalError) as error:
        # A value that no column takes, or a trigger that protects history.
        lines = str(error).splitlines() or ["The database refuses it."]
        raise FieldsRefused({NOT_FIELDS: [capfirst(lines[0])]}) from error


def check_unused(row: Model, reach: Reach, *others: Model) -> None:
    """Refuse to delete what is used; `others` are users that no foreign key tells of."""
    lines = [_named(user) for user in others]
    for users, more in users_of([row], reach):
        lines += [_named(user) for user in users]
        if more:
            lines.append(more)
    if lines:
        listed = ", ".join(lines)
        raise InUse(f"{_named(row)} is used by {listed}.", lines)


def _named(row: Model) -> str:
    return f"{row._meta.verbose_name} {row}"


def _violation(error: IntegrityError, model: type[Model]) -> Exception:
    """Return the refusal for a race that validation could not see."""
    diagnosis: Any = getattr(error.__cause__, "diag", None)
    if getattr(diagnosis, "sqlstate", "") == _FOREIGN_KEY:
        return Conflict("A row that it refers to, or that refers to it, is gone.")
    name = getattr(diagnosis, "constraint_name", "")
    for constraint in model._meta.constraints:
        if constraint.name == name:
            return Conflict(str(constraint.get_violation_error_message()))
    return Conflict("There is such a row already.")
