"""The kinds of requests that are mixed, and what each may come to."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

OK = frozenset({200})


@dataclass(frozen=True)
class Kind:
    """One kind of request; `marks` are the ends of a stream, one of which must come."""

    name: str
    # How often it comes, against the others.
    weight: int
    path: str
    body: Callable[[str], dict[str, Any]]
    project: str = "soak"
    streamed: bool = False
    marks: tuple[bytes, ...] = ()
    statuses: frozenset[int] = OK
    # After so many pieces, or seconds, the client leaves.
    leaves_after_pieces: int = 0
    leaves_after_s: float = 0.0
    # From how many prompts one is taken; 0: each is new.
    prompts: int = 0
    key: str = ""

    @property
    def is_cut(self) -> bool:
        return bool(self.leaves_after_pieces or self.leaves_after_s)


_CHAT = "/v1/chat/completions"
_DONE = (b"data: [DONE]",)
_FAILED = frozenset({200, 502, 503, 504})


def _chat(alias: str, *, stream: bool = False) -> Callable[[str], dict[str, Any]]:
    def body(prompt: str) -> dict[str, Any]:
        messages = [{"role": "user", "content": prompt}]
        return {"model": alias, "messages": messages, "stream": stream}

    return body


def _messages(alias: str, *, stream: bool) -> Callable[[str], dict[str, Any]]:
    def body(prompt: str) -> dict[str, Any]:
        return {**_chat(alias, stream=stream)(prompt), "max_tokens": 200}

    return body


def _generate(prompt: str) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [{"text": prompt}]}]}


def _of_dialects(upstream: str, *, stream: bool) -> list[Kind]:
    """Return a request of each dialect for a provider of that protocol."""
    alias, way = f"soak-{upstream}", "streamed" if stream else "plain"
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return [
        Kind(
            f"openai by {upstream}, {way}",
            4,
            _CHAT,
            _chat(alias, stream=stream),
            streamed=stream,
            marks=_DONE if stream else (),
        ),
        Kind(
            f"anthropic by {upstream}, {way}",
            4,
            "/v1/messages",
            _messages(alias, stream=stream),
            streamed=stream,
            marks=(b"message_stop",) if stream else (),
        ),
        Kind(
            f"gemini by {upstream}, {way}",
            4,
            f"/v1beta/models/{alias}:{method}",
            _generate,
            streamed=stream,
            marks=(b"finishReason",) if stream else (),
        ),
    ]


def _malformed(prompt: str) -> dict[str, Any]:
    return {"model": "soak-openai", "messages": prompt}


KINDS = [
    *(
        kind
        for upstream in ("openai", "anthropic", "gemini")
        for stream in (False, True)
        for kind in _of_dialects(upstream, stream=stream)
    ),
    Kind("known answer", 12, _CHAT, _chat("soak-openai"), project="kept", prompts=100),
    Kind(
        "known answer, streamed",
        4,
        _CHAT,
        _chat("soak-openai", stream=True),
        project="kept",
        streamed=True,
        marks=_DONE,
        prompts=100,
    ),
    Kind("alias that changes", 6, _CHAT, _chat("colour")),
    Kind(
        "client leaves a stream",
        4,
        _CHAT,
        _chat("soak-long", stream=True),
        streamed=True,
        leaves_after_pieces=3,
    ),
    Kind(
        "client leaves before the answer",
        3,
        _CHAT,
        _chat("soak-slow"),
        leaves_after_s=0.1,
    ),
    Kind("a target that fails now and then", 4, _CHAT, _chat("soak-flaky")),
    # It breaks off with an error event, until nobody is asked any more.
    Kind(
        "a stream that breaks off",
        2,
        _CHAT,
        _chat("soak-broken", stream=True),
        streamed=True,
        marks=(b'"error"',),
        statuses=_FAILED,
    ),
    Kind(
        "above a limit",
        3,
        _CHAT,
        _chat("soak-openai"),
        project="few",
        statuses=frozenset({200, 429}),
    ),
    Kind("malformed", 2, _CHAT, _malformed, statuses=frozenset({400})),
    Kind("unknown model", 2, _CHAT, _chat("no-such"), statuses=frozenset({404})),
    Kind(
        "wrong key",
        2,
        _CHAT,
        _chat("soak-openai"),
        # Who sends many is told to wait.
        statuses=frozenset({401, 429}),
        key="sb_live_wrong",
    ),
]
