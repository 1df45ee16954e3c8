"""What somebody sees and changes, by the table of who may."""

from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Field, Model, Q

from tenants.access_table import ACCESS, Access
from tenants.models import Role
from tenants.roles import Reach


def access_to(model: type[Model]) -> Access | None:
    return ACCESS.get(model._meta.label_lower)


def seen_by(
    reach: Reach, model: type[Model], *, role: Role | None = None, shared: bool = True
) -> Q:
    """Return what the rows fulfil that somebody sees; `role` asks for more than the table.

    Audit rows have the columns of the rows that they tell of, so it holds for them too.
    """
    access = access_to(model)
    if access is None:
        return _NOTHING
    role = access.view if role is None else role
    ids = reach.organization_ids(role)
    if ids is None:
        return Q()
    found = _within((*access.of, *access.seen_through), ids)
    if shared and access.is_shared and ids:
        found |= _of_nobody(access)
    return found | _own(access, reach)


def changed_by(reach: Reach, model: type[Model]) -> Q:
    """Return what the rows fulfil that somebody may change."""
    access = access_to(model)
    if access is None:
        return _NOTHING
    ids = reach.organization_ids(access.change)
    return Q() if ids is None else _within(access.of, ids) | _own(access, reach)


def sees(reach: Reach, row: Model) -> bool:
    access = access_to(type(row))
    if access is None:
        return False
    if reach.may(access.view, None) or _is_own(access, reach, row):
        return True
    owners = _owners(row, (*access.of, *access.seen_through))
    if not owners:
        return access.is_shared and reach.may_anywhere(access.view)
    return any(reach.may(access.view, owner) for owner in owners)


def changes(reach: Reach, row: Model) -> bool:
    """Tell whether somebody may change the row, or save it as it now is."""
    access = access_to(type(row))
    if access is None:
        return False
    if reach.may(access.change, None) or _is_own(access, reach, row):
        return True
    return any(reach.may(access.change, owner) for owner in _owners(row, access.of))


def changes_some(reach: Reach, model: type[Model]) -> bool:
    access = access_to(model)
    if access is None:
        return False
    if not access.of:
        return bool(access.own) or reach.may(access.change, None)
    return reach.may_anywhere(access.change)


def adds(reach: Reach, model: type[Model]) -> bool:
    access = access_to(model)
    if access is None:
        return False
    if access.is_given or not access.of:
        return reach.may(access.change, None)
    return reach.may_anywhere(access.change)


def sees_some(reach: Reach, model: type[Model]) -> bool:
    """Tell whether the pages of the model are open at all, be there rows or not."""
    access = access_to(model)
    if access is None:
        return False
    if not access.of:
        return bool(access.own) or reach.may(access.view, None)
    return reach.may_anywhere(access.view)


def is_reserved(reach: Reach, model: type[Model], column: str) -> bool:
    """Tell whether only the installation may set the column, and this is somebody else."""
    access = access_to(model)
    return (
        access is not None
        and column in access.reserved
        and not reach.may(access.change, None)
    )


def may_point_to(reach: Reach, column: Field[Any, Any]) -> Q:
    """Return what the rows fulfil that somebody may name in a foreign key.

    Where the key says whose the row is, these are rows of organizations in which they may
    change such rows; elsewhere whatever they see.
    """
    related: Any = column.related_model
    access = access_to(column.model)
    if access is None:
        return _NOTHING
    paths = [path for path in access.of if _begins_with(path, column)]
    if not paths:
        return seen_by(reach, related)
    ids = reach.organization_ids(access.change)
    if ids is None:
        return Q()
    rest = (
        "pk" if path == column.attname else path.removeprefix(f"{column.name}__")
        for path in paths
    )
    return _within(rest, ids)


def says_whose(reach: Reach, column: Field[Any, Any]) -> bool:
    """Tell whether somebody has to fill in the key, for otherwise the row is nobody's."""
    access = access_to(column.model)
    return (
        access is not None
        and not reach.may(access.change, None)
        and len(access.of) == 1
        and _begins_with(access.of[0], column)
    )


_NOTHING = Q(pk__in=[])


def _begins_with(path: str, column: Field[Any, Any]) -> bool:
    return path == column.attname or path.startswith(f"{column.name}__")


def _within(paths: Any, ids: frozenset[int]) -> Q:
    found = _NOTHING
    for path in paths if ids else ():
        found |= Q(**{f"{path}__in": sorted(ids)})
    return found


def _of_nobody(access: Access) -> Q:
    paths = (*access.of, *access.seen_through)
    return Q(**{f"{path}__isnull": True for path in paths})


def _own(access: Access, reach: Reach) -> Q:
    if not access.own or reach.user_id is None:
        return _NOTHING
    return Q(**{access.own: reach.user_id})


def _is_own(access: Access, reach: Reach, row: Model) -> bool:
    return (
        bool(access.own)
        and reach.user_id is not None
        and getattr(row, access.own) == reach.user_id
    )


def _owners(row: Model, paths: tuple[str, ...]) -> set[int]:
    found = (_follow(row, path) for path in paths)
    return {owner for owner in found if owner is not None}


def _follow(row: Model, path: str) -> int | None:
    at: Any = row
    for step in path.split("__"):
        try:
            at = getattr(at, step, None)
        except ObjectDoesNotExist:
            return None
    return at if isinstance(at, int) else None
