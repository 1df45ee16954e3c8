"""What a model can do wrong, by the name after `sim-fault-`.

A fault refuses the request with an error, alters the answer, or spoils its delivery. A
parameter may follow the name: `slow-first-2.5` waits two and a half seconds.
"""

import re
from collections.abc import Callable
from dataclasses import replace

from gateway.simulator import bad_connections, bad_contents
from gateway.simulator.delivery import Spoiled
from gateway.simulator.types import Answer, Ask, Failure, Usage

_NUMBER = re.compile(r"\d{1,6}(\.\d{1,6})?")
_RETRY = b"retry-after"
_ABSURD_WAIT = "-5"
_MESSAGES = {
    "rate_limit": "Rate limit reached for requests. Please try again later.",
    "quota": "You exceeded your current quota, please check your plan and billing.",
    "server": "The server had an error while processing your request. Sorry about it!",
    "gateway": "Bad gateway.",
    "overloaded": "The server is currently overloaded. Please try again later.",
    "auth": "Incorrect API key provided: sk-sim*****lid.",
    "forbidden": "You are not allowed to use this model.",
    "invalid": "Invalid value: the simulator was asked to refuse this request.",
    "missing": "The model does not exist or you do not have access to it.",
    "context": "This model's maximum context length is 8192 tokens. However, your "
    "messages resulted in 9000 tokens. Please reduce the length of the messages.",
    "policy": "Your request was rejected as a result of our safety system.",
}
_ERRORS = {
    "429": (429, "rate_limit"),
    "429-retry-after": (429, "rate_limit"),
    "429-absurd": (429, "rate_limit"),
    "quota": (429, "quota"),
    "500": (500, "server"),
    "502": (502, "gateway"),
    "503": (503, "overloaded"),
    "529": (529, "overloaded"),
    "401": (401, "auth"),
    "403": (403, "forbidden"),
    "400": (400, "invalid"),
    "404": (404, "missing"),
    "context": (400, "context"),
    "content-policy": (400, "policy"),
}


def _without_usage(ask: Ask, answer: Answer) -> Answer:
    return replace(answer, usage=None)


def _with_negative_usage(ask: Ask, answer: Answer) -> Answer:
    return replace(answer, usage=Usage(-12, -34, cached_tokens=-5))


def _with_absurd_usage(ask: Ask, answer: Answer) -> Answer:
    return replace(answer, usage=Usage(10**15, 10**15, cached_tokens=10**16))


def _with_zero_usage(ask: Ask, answer: Answer) -> Answer:
    return replace(answer, usage=Usage(0, 0))


def _of_another_model(ask: Ask, answer: Answer) -> Answer:
    return replace(answer, model="sim-of-another-name")


def _with_text(answer: Answer, text: str) -> Answer:
    spoken = [replace(choice, pieces=[text]) for choice in answer.choices]
    return replace(answer, choices=spoken)


def _with_wrong_json(ask: Ask, answer: Answer) -> Answer:
    return _with_text(answer, '{"unexpected":[1,2]}')


def _with_wrong_json_at_first(ask: Ask, answer: Answer) -> Answer:
    """Spoil the answer unless the request already quotes one that was spoiled."""
    was_told = "unexpected" in ask.prompt
    return answer if was_told else _with_wrong_json(ask, answer)


def _with_fence(ask: Ask, answer: Answer) -> Answer:
    text = "".join(piece for choice in answer.choices for piece in choice.pieces)
    return _with_text(answer, f"```json\n{text}\n```")


DELIVERIES: dict[str, Spoiled] = {
    **bad_connections.DELIVERIES,
    **bad_contents.DELIVERIES,
}
ALTERATIONS: dict[str, Callable[[Ask, Answer], Answer]] = {
    "no-usage": _without_usage,
    "negative-usage": _with_negative_usage,
    "absurd-usage": _with_absurd_usage,
    "zero-usage": _with_zero_usage,
    "wrong-model": _of_another_model,
    "wrong-json": _with_wrong_json,
    "wrong-json-once": _with_wrong_json_at_first,
    "fenced-json": _with_fence,
}

# What may follow the others is a number.
_TEXTUAL = frozenset({"429-absurd", "429-retry-after", "gzip"})
# Every nth request fails; the application counts them.
FLAKY = "flaky"
KINDS = frozenset({*_ERRORS, *ALTERATIONS, *DELIVERIES, FLAKY})


def find(text: str) -> tuple[str, str] | None:
    """Split `slow-first-2.5` into kind and parameter; None when there is no such."""
    kind, parameter = text, ""
    while kind not in KINDS:
        kind, dash, last = kind.rpartition("-")
        if not dash:
            return None
        parameter = f"{last}-{parameter}" if parameter else last
        # A parameter that begins with a minus sign: 429-absurd--5.
        if kind.endswith("-"):
            kind, parameter = kind[:-1], f"-{parameter}"
    if parameter and kind not in _TEXTUAL and not _NUMBER.fullmatch(parameter):
        return None
    return kind, parameter


def failure_of(kind: str, parameter: str) -> Failure | None:
    """Return the error that a fault answers with, or None if it is another fault."""
    if kind not in _ERRORS:
        return None
    status, name = _ERRORS[kind]
    headers: list[tuple[bytes, bytes]] = []
    if kind == "429-retry-after":
        headers.append((_RETRY, (parameter or "2").encode()))
    elif kind == "429-absurd":
        wait = "Fri, 31 Dec 9999 23:59:59 GMT" if parameter == "date" else parameter
        headers.append((_RETRY, (wait or _ABSURD_WAIT).encode()))
    return failure(status, name, tuple(headers))


def failure(
    status: int, name: str, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> Failure:
    return Failure(status, name, _MESSAGES[name], headers=headers)


def delivery_of(kind: str) -> Spoiled | None:
    return DELIVERIES.get(kind)
