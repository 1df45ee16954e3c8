"""For whom a request is, and whether its key may name what it asks for."""

from gateway.candidates import names_of
from gateway.configuration.database_threads import ConfigurationUnavailable
from gateway.configuration.records import (
    EndUserRecord,
    KeyRecord,
    Missing,
    ProjectRecord,
)
from gateway.configuration.snapshot import Snapshot
from gateway.refusals import ModelNotAllowed, Overloaded, PermissionRefused
from gateway.types import InferenceRequest


def project_caller(project: ProjectRecord) -> KeyRecord:
    """Return who asks where no key does: the project itself, for every operation."""
    return KeyRecord(
        # Events without a key are allowed; limits of keys do not apply.
        pk=None,  # type: ignore[arg-type]
        key_id="",
        digest=b"",
        project=project,
        scopes=frozenset(),
        expires_at=None,
        limits=(),
    )


async def note_caller(
    request: InferenceRequest, key: KeyRecord, snapshot: Snapshot
) -> None:
    """Find the end user that the request is for, and check what it names.

    Raises `PermissionRefused` and `ModelNotAllowed`.
    """
    name = request.attribution.end_user
    if name:
        request.end_user = await _end_user(key.project.id, name, snapshot)
    if key.aliases:
        _check_names(request, key)


async def _end_user(
    project_id: int, name: str, snapshot: Snapshot
) -> EndUserRecord | None:
    """Return what the project told of the user; None when it told nothing."""
    known = snapshot.known_end_user(project_id, name)
    if known is None:
        try:
            known = await snapshot.load_end_user(project_id, name)
        except ConfigurationUnavailable as error:
            msg = "The end user cannot be looked up at the moment; try again shortly."
            raise Overloaded(msg, headers={"retry-after": "2"}) from error
    if isinstance(known, Missing):
        return None
    if not known.active:
        msg = "This end user is switched off; the project may switch it on again."
        raise PermissionRefused(msg)
    return known


def _check_names(request: InferenceRequest, key: KeyRecord) -> None:
    for name in names_of(request, key.project):
        if name not in key.aliases:
            msg = (
                f"This key may not name {name[:200]!r}; it may name "
                f"{', '.join(sorted(key.aliases))}."
            )
            raise ModelNotAllowed(msg, param="model")
