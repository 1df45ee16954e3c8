"""What was said, told the same way for every protocol, so that all count the same."""

import json
from dataclasses import dataclass

from gateway.simulator.models import reasons
from gateway.simulator.types import JSON, Ask

CHARACTERS_PER_TOKEN = 4
TOKENS_PER_ATTACHMENT = 85
_JSON_ALONE = "json object and nothing else"
_SCHEMA = "JSON schema: "


@dataclass(frozen=True, slots=True)
class Turn:
    """One message; `role` matters when it is `user` or `tool`."""

    role: str
    text: str
    images: int = 0
    # Sounds and files.
    others: int = 0


def tokens_in(text: str) -> int:
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def ask_of(model: str, turns: list[Turn]) -> Ask:
    """Return what these messages ask for; the caller adds what its protocol says."""
    characters = sum(len(turn.text) for turn in turns)
    attachments = sum(turn.images + turn.others for turn in turns)
    ask = Ask(
        model=model,
        prompt="\n".join(turn.text for turn in turns),
        prompt_tokens=max(1, -(-characters // CHARACTERS_PER_TOKEN))
        + attachments * TOKENS_PER_ATTACHMENT,
        images=sum(turn.images for turn in turns),
        thinks=reasons(model),
    )
    for turn in turns:
        if turn.role == "user":
            ask.last_user_text = turn.text
        elif turn.role == "system" and _JSON_ALONE in turn.text.lower():
            ask.schema = _instructed_schema(turn.text)
    if turns and turns[-1].role == "tool":
        ask.tool_result = turns[-1].text
    return ask


def _instructed_schema(text: str) -> JSON:
    """Return the schema that an instruction spells out; {} when it has none."""
    _, found, rest = text.partition(_SCHEMA)
    if not found:
        return {}
    try:
        schema, _ = json.JSONDecoder().raw_decode(rest)
    except (json.JSONDecodeError, RecursionError):
        return {}
    return schema if isinstance(schema, dict) else {}
