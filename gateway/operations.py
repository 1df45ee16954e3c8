"""What is asked of providers besides conversations, in no provider's words.

None and empty mean that the client said nothing. `extra` holds what a dialect knows and
the rest of the world does not; only the protocol that it came from writes it back, and
`protocol` says which one that is.
"""

from typing import Any, Literal

import msgspec

from usage.tokens import Tokens

JSON = dict[str, Any]

InputType = Literal["", "query", "document", "classification", "clustering"]


class EmbeddingsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`input_type` is what the vectors are for, `title` that of a document.

    Inputs are texts: numbers of OpenAI's tokens mean something to its own models only.
    """

    inputs: tuple[str, ...]
    dimensions: int | None = None
    input_type: InputType = ""
    title: str = ""
    wants_base64: bool = False
    end_user: str = ""
    extra: JSON = {}
    protocol: str = ""


class EmbeddingsResult(msgspec.Struct, frozen=True, kw_only=True):
    """One vector for each input, in their order."""

    vectors: tuple[tuple[float, ...], ...]
    model: str = ""
    tokens: Tokens | None = None


class SpeechRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`format` is mp3, opus, aac, flac, wav or pcm; `speed` 1 is normal."""

    text: str
    voice: str = ""
    format: str = "mp3"
    speed: float | None = None
    instructions: str = ""
    extra: JSON = {}
    protocol: str = ""


class SpeechResult(msgspec.Struct, frozen=True, kw_only=True):
    audio: bytes
    content_type: str
    tokens: Tokens | None = None


class TranscriptionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`timestamps` holds `word` and `segment` where those are wanted."""

    audio: bytes
    filename: str = "audio"
    media_type: str = "application/octet-stream"
    language: str = ""
    prompt: str = ""
    temperature: float | None = None
    format: str = "json"
    timestamps: frozenset[str] = frozenset()
    diarize: bool = False
    extra: JSON = {}
    protocol: str = ""


class SpokenWord(msgspec.Struct, frozen=True):
    """A word, and when it was said, in seconds."""

    text: str
    start_s: float
    end_s: float
    speaker: str = ""


class TranscriptionResult(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    language: str = ""
    duration_s: float | None = None
    words: tuple[SpokenWord, ...] = ()
    segments: tuple[SpokenWord, ...] = ()
    tokens: Tokens | None = None


class RerankRequest(msgspec.Struct, frozen=True, kw_only=True):
    query: str
    documents: tuple[str, ...]
    top_n: int | None = None
    max_tokens_per_doc: int | None = None
    return_documents: bool = False
    extra: JSON = {}
    protocol: str = ""


class Ranked(msgspec.Struct, frozen=True):
    """A document by its place in the request, and how relevant it is, at most 1."""

    index: int
    score: float


class RerankResult(msgspec.Struct, frozen=True, kw_only=True):
    """The best first. `tokens.other` counts searches."""

    id: str = ""
    ranked: tuple[Ranked, ...] = ()
    tokens: Tokens | None = None
