"""How a credential stands and where its value comes from, and nothing of the value."""

import os

from catalog.models import Credential

STATES = ("configured", "missing", "quarantined", "inactive")


def state_of(credential: Credential) -> str:
    """Tell in a word whether the credential can be used."""
    if not credential.active:
        return "inactive"
    if credential.quarantined_at is not None:
        return "quarantined"
    if credential.env_name:
        return "configured" if os.environ.get(credential.env_name) else "missing"
    return "missing" if credential.sealed is None else "configured"


def source_of(credential: Credential) -> str:
    """Tell where the value comes from, and nothing of it but its last four."""
    if credential.env_name:
        return f"environment variable {credential.env_name}"
    if credential.sealed is None:
        return "nothing stored"
    return f"stored, …{credential.last_four}" if credential.last_four else "stored"


def is_presentable(value: str) -> bool:
    """Say whether a header could hold the value."""
    return value.isascii() and value.isprintable()
