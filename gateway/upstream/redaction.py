"""What a provider says, made fit to be passed on."""

import re

_CREDENTIAL = re.compile(
    r"(?i)\b(?:sk|pk|gsk|xai|pplx|csk)[-_][A-Za-z0-9*_-]{6,}"
    r"|\bbearer\s+\S+|\bAIza\S+|\bsb_\S+"
)
_REDACTED = "[redacted]"


def redacted(text: str, secret: str = "") -> str:
    """Return the text without the secret, and without what looks like a credential."""
    if secret:
        text = text.replace(secret, _REDACTED)
    return _CREDENTIAL.sub(_REDACTED, text)
