"""Fine-tuned models by their ids: `ft:<base>:<organization>:<suffix>:<id>`."""

import re

PREFIX = "ft:"

# The base is often named with the day or month of its version.
_VERSION = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{8}|\d{4})$")


def base_ids(model_id: str) -> tuple[str, ...]:
    """Return the ids that the base of a fine-tuned model may have, the exact one first.

    Nothing for other models.
    """
    if not model_id.startswith(PREFIX):
        return ()
    base, colon, _ = model_id.removeprefix(PREFIX).partition(":")
    if not base or not colon:
        return ()
    plain = _VERSION.sub("", base)
    return (base,) if plain == base else (base, plain)
