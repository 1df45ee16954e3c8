"""What was heard in a sound: the words of an answer, spread over its length."""

from gateway.simulator.types import Answer, Failure, Refused

Word = tuple[str, float, float]


def text_of(answer: Answer) -> str:
    return "".join(piece for choice in answer.choices for piece in choice.pieces)


def words_of(answer: Answer, seconds: float) -> list[Word]:
    """Return each word with the moments of its beginning and its end."""
    words = text_of(answer).split()
    share = seconds / max(1, len(words))
    return [
        (word, round(n * share, 3), round((n + 0.8) * share, 3))
        for n, word in enumerate(words)
    ]


def described(upload: dict[str, object], seconds: float) -> str:
    """Return what stands for the sound where a chat would have its prompt."""
    return f"{upload['filename']}, {seconds:g} seconds of {upload['type']}"


def refused(status: int, kind: str, message: str, param: str | None = None) -> Refused:
    return Refused(Failure(status, kind, message, param))
