"""The cells that cannot work, and why. docs/compatibility.md shows the same table."""

from typing import NamedTuple

ANY = "any"


class Gap(NamedTuple):
    """Cells that cannot work: several names are set apart by commas, `any` is all."""

    clients: str
    protocols: str
    modes: str
    features: str
    reason: str

    def holds(self, *cell: str) -> bool:
        return all(
            names == ANY or name in names.split(", ")
            for names, name in zip(self, cell, strict=False)
        )


GAPS = (
    Gap(
        ANY,
        "openai_chat",
        ANY,
        "thoughts, signature",
        "OpenAI's chat completions neither show reasoning nor take it back",
    ),
    Gap(
        ANY,
        "cohere_chat",
        ANY,
        "signature",
        "Cohere signs nothing",
    ),
    Gap(
        "openai, groq",
        "openai_responses",
        ANY,
        "thoughts",
        "a summary has to be asked for, and chat completions have no word for that",
    ),
    Gap(
        "anthropic",
        "openai_responses, gemini_generate, cohere_chat, bedrock_converse",
        ANY,
        "thoughts, signature",
        "a thinking block needs a signature of Anthropic, which nobody else can make",
    ),
    Gap(
        "gemini-v1, gemini-v1beta",
        "openai_responses, anthropic_messages, bedrock_converse",
        ANY,
        "signature",
        "Google's clients take back Google's signatures alone",
    ),
    Gap(
        "signalbox",
        ANY,
        ANY,
        "reasoning, thoughts, signature",
        "the dialect has no word for reasoning; models that always reason answer",
    ),
    Gap(
        "mistralai",
        ANY,
        ANY,
        "thoughts, signature",
        "the package drops members that Mistral's API does not have",
    ),
    Gap(
        "mistralai",
        ANY,
        "streamed",
        "tools, parallel tools, reasoning",
        "the package reads a call in one piece; OpenAI's dialect streams its arguments",
    ),
    Gap(
        "mistralai",
        ANY,
        "streamed",
        "usage",
        "OpenAI's dialect tells it when asked (`stream_options`), which the package "
        "cannot",
    ),
    Gap(
        ANY,
        "bedrock_converse",
        ANY,
        "image by address",
        "Bedrock takes the picture itself; nothing is fetched for it",
    ),
)


def gap_at(client: str, protocol: str, mode: str, feature: str) -> Gap | None:
    """Return why a cell cannot work; None when it works."""
    found = (gap for gap in GAPS if gap.holds(client, protocol, mode, feature))
    return next(found, None)
