"""The relay of a request: its members as they came, but for what must change."""

import orjson

from gateway.types import Quirks


def kept_members(
    fields: dict[str, bytes], quirks: Quirks, dropped: frozenset[str]
) -> dict[str, bytes]:
    """Return the members that are sent on, by the names that the provider knows."""
    return {
        quirks.rename_params.get(name, name): value
        for name, value in fields.items()
        if name not in dropped and name not in quirks.drop_params
    }


def build_relayed(
    fields: dict[str, bytes],
    model_id: str,
    quirks: Quirks,
    *,
    stream: bool,
    dropped: frozenset[str],
) -> dict[str, bytes]:
    """Return the members to send for a request that came in this very protocol.

    Only the model, the controls that are ours and the provider's quirks change.
    """
    sent = kept_members(fields, quirks, dropped)
    if "model" not in quirks.drop_params:
        sent["model"] = orjson.dumps(model_id)
    return sent
