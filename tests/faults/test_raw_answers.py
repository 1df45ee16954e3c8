"""Answers that break, lie or never end, byte by byte over a raw socket.

Each case is asked for plain and streamed where nobody else could answer. What is left
over is looked at after each by the fixture `sound`.
"""

import gzip
import json
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import pytest

from catalog.models import Provider
from gateway.resilience.retries import MAX_RETRIES
from tenants.models import Project
from tests.faults.asking import CANARY, ask, code_of
from tests.faults.raw_upstream import (
    STREAM_HEAD,
    WHOLE_HEAD,
    Act,
    Drip,
    RawUpstream,
    Step,
    head,
    whole,
)
from tests.gateway.live import LiveGateway

ANSWER = (
    b'{"id":"a","object":"chat.completion","model":"odd","choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}'
)
DELTA = (
    b'data: {"id":"a","object":"chat.completion.chunk","model":"odd","choices":'
    b'[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}\n\n'
)
FINISH = DELTA.replace(b'"delta":{"content":"Hello"}', b'"delta":{}').replace(
    b"null", b'"stop"'
)
DONE = b"data: [DONE]\n\n"
PAGE = b"<!doctype html><title>Ray ID 4711</title><p>Hello"
BAD = (502, "upstream_bad_response")
LATE = (504, "upstream_timeout")
GONE = (502, "upstream_unreachable")

STREAMED = "_streamed"


@dataclass(frozen=True)
class Case:
    """What a provider sends before any content, and what the client is told."""

    name: str
    told: tuple[int, str]
    steps: tuple[Step, ...]

    @property
    def number(self) -> str:
        return self.name.partition("_")[0]

    @classmethod
    def of(cls, name: str, told: tuple[int, str], *steps: Step) -> "Case":
        return cls(name, told, steps)


BOMB = gzip.compress(b" " * 4_000_000)
BROKEN = [
    Case.of("u1_reset_before_the_head", GONE, Act.RESET),
    Case.of("u1_reset_within_the_head", GONE, b"HTTP/1.1 200 OK\r\ncont", Act.RESET),
    Case.of("u1_reset_before_the_body", BAD, WHOLE_HEAD % 500, Act.RESET),
    Case.of("u1_reset_within_the_body", BAD, WHOLE_HEAD % 500, b'{"id":', Act.RESET),
    Case.of("u1_closed_without_a_word", GONE),
    Case.of("u5_silent", LATE, Act.STAY_SILENT),
    Case.of("u5_a_head_and_no_body", LATE, WHOLE_HEAD % 500, Act.STAY_SILENT),
    Case.of("u5_a_head_of_a_stream", LATE, STREAM_HEAD, Act.STAY_SILENT),
    Case.of("u7_a_head_byte_by_byte", LATE, Drip(WHOLE_HEAD % 500)),
    Case.of("u7_a_body_byte_by_byte", LATE, WHOLE_HEAD % 500, Drip(ANSWER)),
    Case.of("u7_an_event_byte_by_byte", LATE, STREAM_HEAD, Drip(DELTA)),
    Case.of("u8_less_than_announced", BAD, WHOLE_HEAD % 500, ANSWER),
    Case.of("u8_the_end_within_json", BAD, whole(ANSWER[:90])),
    Case.of("u8_half_closed_within_the_body", BAD, WHOLE_HEAD % 500, Act.HALF_CLOSE),
    Case.of("u8_the_end_before_the_first_event", BAD, STREAM_HEAD),
    Case.of(
        "u8_the_end_within_a_chunk",
        BAD,
        head("200 OK", "transfer-encoding: chunked"),
        b'ff\r\n{"id"',
    ),
]
WRONG = [
    Case.of(
        "u11_an_error_with_200",
        (502, "upstream_error"),
        whole(b'{"error":{"message":"no","type":"server_error","code":"boom"}}'),
    ),
    Case.of("u12_a_page", BAD, head(kind="text/html"), PAGE),
    Case.of("u12_a_page_that_says_it_is_json", BAD, whole(PAGE)),
    Case.of("u12_a_picture", BAD, head(kind="image/png"), b"\x89PNG\r\n\x1a\n"),
    Case.of("u12_a_list", BAD, whole(b"[]")),
    Case.of("u12_nothing", BAD, whole(b"")),
    Case.of("u12_another_protocol", BAD, b"SSH-2.0-OpenSSH_9.2\r\n"),
    Case.of("u13_a_long_body", BAD, head(), b'{"id":"' + b"a" * 500_000),
    Case.of("u14_a_line_without_end", BAD, STREAM_HEAD, b"data: " + b"a" * 200_000),
    Case.of("u15_a_lone_surrogate", BAD, whole(ANSWER.replace(b"Hello", b"\\ud800"))),
    Case.of("u15_bytes_that_are_no_text", BAD, whole(b"\xff\xfe\x00\x80")),
    Case.of(
        "u16_twice_compressed",
        BAD,
        whole(
            gzip.compress(gzip.compress(ANSWER)),
            "200 OK",
            "content-encoding: gzip, gzip",
        ),
    ),
    Case.of(
        "u16_unknown_encoding",
        BAD,
        whole(zlib.compress(ANSWER), "200 OK", "content-encoding: br"),
    ),
    Case.of("u16_a_bomb", BAD, whole(BOMB, "200 OK", "content-encoding: gzip")),
    Case.of(
        "u23_led_elsewhere",
        BAD,
        whole(b"", "307 Temporary Redirect", "location: http://127.0.0.1:1/"),
    ),
    Case.of(
        "u23_led_inside",
        BAD,
        whole(b"", "302 Found", "location: http://169.254.169.254/"),
    ),
    Case.of("u25_a_break_within_a_header", BAD, head("200 OK", "x-a: b\rc") + ANSWER),
    Case.of("u25_a_folded_header", BAD, head("200 OK", "x-a: b\r\n c\x00") + ANSWER),
    Case.of(
        "u25_two_lengths",
        BAD,
        head("200 OK", "content-length: 5", f"content-length: {len(ANSWER)}") + ANSWER,
    ),
    Case.of("u26_a_number_that_is_none", BAD, whole(ANSWER.replace(b":3,", b":NaN,"))),
    Case.of("u26_json_a_hundred_thousand_deep", BAD, whole(b'{"a":' * 100_000)),
]


def chunked(*pieces: bytes) -> bytes:
    """Return a whole stream in chunks, with its clean end."""
    parts = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
    start = head("200 OK", "transfer-encoding: chunked", kind="text/event-stream")
    return start + b"".join(parts) + b"0\r\n\r\n"


BAD_END, LATE_END = (200, "upstream_bad_response"), (200, "upstream_timeout")
OVERLOADED = (
    b'data: {"error":{"message":"Overloaded","type":"overloaded_error",'
    b'"code":"overloaded_error"}}\n\n'
)
BEGUN = [
    Case.of("u1_reset", BAD_END, STREAM_HEAD, DELTA, Act.RESET),
    Case.of("u6_silence", LATE_END, STREAM_HEAD, DELTA, Act.STAY_SILENT),
    Case.of("u7_byte_by_byte", LATE_END, STREAM_HEAD, DELTA, Drip(DELTA)),
    Case.of("u8_closed_within_an_event", BAD_END, STREAM_HEAD, DELTA, DELTA[:50]),
    Case.of("u8_half_closed", BAD_END, STREAM_HEAD, DELTA, Act.HALF_CLOSE),
    Case.of("u8_within_a_chunk", BAD_END, chunked(DELTA)[:-5] + b"ff\r\ndata"),
    Case.of("u9_without_finish", BAD_END, chunked(DELTA, DELTA)),
    Case.of("u9_without_terminator", BAD_END, chunked(DELTA, FINISH)),
    Case.of(
        "u10_an_error_event",
        (200, "overloaded_error"),
        STREAM_HEAD,
        DELTA,
        OVERLOADED,
        DONE,
    ),
    Case.of("u13_without_end", BAD_END, STREAM_HEAD, DELTA, DELTA * 4_000),
    Case.of("u14_a_line_without_end", BAD_END, STREAM_HEAD, DELTA, b"a" * 200_000),
]


def usage(text: bytes) -> bytes:
    """Return an answer that says that of its usage."""
    return ANSWER[: ANSWER.index(b'"usage":')] + b'"usage":' + text + b"}"


OK = (200, "")
USAGES = [
    b"null",
    b"[]",
    b'"many"',
    b'{"prompt_tokens":-5,"completion_tokens":-7}',
    b'{"prompt_tokens":1e15,"completion_tokens":1e15}',
    b'{"prompt_tokens":"3","completion_tokens":true}',
    b'{"prompt_tokens":0,"completion_tokens":0}',
    b'{"prompt_tokens":3.5,"completion_tokens":null}',
    b'{"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":99999}}',
]
# Those with this end are streams.
ODD = [
    Case.of("u8_half_closed_after_all", OK, whole(ANSWER), Act.HALF_CLOSE),
    Case.of("u8_no_length_but_an_end", OK, head(), ANSWER),
    Case.of("u15_bytes_that_are_no_text", OK, whole(ANSWER.replace(b"Hello", b"\xff"))),
    Case.of(
        "u15_mixed_line_ends" + STREAMED,
        OK,
        STREAM_HEAD,
        DELTA.replace(b"\n", b"\r\n"),
        DELTA.replace(b"\n", b"\r"),
        b": a comment\n\nid: 7\nretry: 5\n",
        FINISH,
        DONE,
    ),
    Case.of(
        "u15_a_mark_first" + STREAMED,
        OK,
        chunked(b"\xef\xbb\xbf" + DELTA, FINISH, DONE),
    ),
    Case.of(
        "u15_cut_within_a_letter" + STREAMED,
        OK,
        STREAM_HEAD,
        *DELTA.replace(b"Hello", "Grüße".encode()).partition(b"\xc3"),
        FINISH,
        DONE,
    ),
    Case.of(
        "u15_no_text" + STREAMED,
        OK,
        chunked(DELTA.replace(b"Hello", b"\xff"), FINISH, DONE),
    ),
    Case.of(
        "u15_each_event_twice" + STREAMED,
        OK,
        chunked(DELTA, DELTA, FINISH, FINISH, DONE, DONE),
    ),
    *(
        Case.of(f"u24_{number}", OK, whole(usage(text)))
        for number, text in enumerate(USAGES)
    ),
    Case.of(
        "u25_headers_of_the_provider",
        OK,
        whole(
            ANSWER,
            "200 OK",
            "set-cookie: a=b",
            "location: http://x/",
            "x-hop: 1",
            "keep-alive: timeout=5",
        ),
    ),
    Case.of("u26_a_key_twice", OK, whole(ANSWER.replace(b'"id":', b'"id":"b","id":'))),
    Case.of("u26_another_model", OK, whole(ANSWER.replace(b'"odd"', b'"other"'))),
]


def ask_for_all(
    http: httpx.Client,
    teach: Callable[..., None],
    plays: dict[str, tuple[Step, ...]],
) -> dict[str, httpx.Response]:
    """Ask for each model at the same moment, as a stream where its name ends so."""
    teach(plays)

    def answer(name: str) -> httpx.Response:
        return ask(http, f"raw/{name}", stream=name.endswith(STREAMED))

    with ThreadPoolExecutor(len(plays)) as pool:
        return dict(zip(plays, pool.map(answer, plays), strict=True))


Asked = Callable[[list[Case]], dict[str, httpx.Response]]


@pytest.fixture
def asked(http: httpx.Client, teach: Callable[..., None]) -> Asked:
    """Ask for all cases, plain and streamed."""

    def asked(cases: list[Case]) -> dict[str, httpx.Response]:
        plays = {
            case.name + end: case.steps for case in cases for end in ("", STREAMED)
        }
        return ask_for_all(http, teach, plays)

    return asked


def check_refused(
    asked: Asked, live: LiveGateway, project: Project, cases: list[Case]
) -> None:
    answers = asked(cases)

    wanted = {case.name + end: case.told for case in cases for end in ("", STREAMED)}
    told = {name: (each.status_code, code_of(each)) for name, each in answers.items()}
    assert told == wanted
    for answer in answers.values():
        assert "Ray ID" not in answer.text
        assert CANARY not in answer.text
        assert answer.headers["x-should-retry"] == "false"
    for event in live.events(project):
        assert (event.status, event.error_code) == ("failed", wanted[event.model][1])


def test_a_connection_that_breaks_or_hangs_is_no_answer_u1_u5_u7_u8(
    asked: Asked, live: LiveGateway, project: Project
) -> None:
    check_refused(asked, live, project, BROKEN)


@pytest.mark.usefixtures("small_caps")
def test_what_is_no_answer_is_the_providers_error_u11_u12_u13_u14_u15_u16_u23_u25_u26(
    asked: Asked, live: LiveGateway, project: Project
) -> None:
    check_refused(asked, live, project, WRONG)


@pytest.mark.usefixtures("small_caps")
def test_a_stream_that_goes_wrong_ends_with_an_error_event_u1_u6_u7_u8_u9_u10_u13_u14(
    http: httpx.Client, teach: Callable[..., None], live: LiveGateway, project: Project
) -> None:
    plays = {case.name + STREAMED: case.steps for case in BEGUN}
    answers = ask_for_all(http, teach, plays)

    ended = {
        name: (each.status_code, last_code(each)) for name, each in answers.items()
    }
    assert ended == {case.name + STREAMED: case.told for case in BEGUN}
    for answer in answers.values():
        assert '"content":"Hello"' in answer.text
        assert "[DONE]" not in answer.text
    for event in live.events(project):
        assert event.status in {"incomplete", "failed"}
        assert event.estimated
        assert event.output_tokens > 0


def last_code(answer: httpx.Response) -> str:
    """Return the code of the error event that a stream ends with."""
    last = answer.text.rstrip().rpartition("\n")[2]
    error = json.loads(last.removeprefix("data: ")).get("error", {})
    return str(error.get("code"))


def test_what_is_odd_but_lawful_is_served_and_paid_u8_u15_u24_u25_u26(
    http: httpx.Client, teach: Callable[..., None], live: LiveGateway, project: Project
) -> None:
    answers = ask_for_all(http, teach, {case.name: case.steps for case in ODD})

    assert {n: (a.status_code, a.text) for n, a in answers.items() if a.is_error} == {}
    for name, answer in answers.items():
        assert not {"set-cookie", "location", "x-hop", "keep-alive"} & {*answer.headers}
        assert answer.content.endswith(DONE) or not name.endswith(STREAMED)
    for event in live.events(project):
        assert event.status == "ok", event.model
        assert 0 < event.input_tokens < 1_000, event.model
        assert event.output_tokens < 1_000, event.model
        assert event.cost_usd is not None
        if event.model == "u26_another_model":
            assert event.reported_model == "other"


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        ("401 Unauthorized", b'{"error":{"message":"Incorrect API key"}}'),
        ("403 Forbidden", b'{"error":{"message":"not for you"}}'),
    ],
    ids=["401", "403"],
)
def test_a_refused_credential_is_never_the_clients_own_u21(
    asked: Asked, status: str, answer: bytes
) -> None:
    answers = asked([Case.of("u21", BAD, whole(answer, status))])

    for each in answers.values():
        assert (each.status_code, code_of(each)) == (502, "upstream_auth")


@pytest.mark.parametrize(
    ("wait", "least", "most"),
    [
        ("7", 6, 7),
        ("-5", 1, 120),
        ("1e9", 1, 120),
        ("999999999", 30, 120),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 1, 120),
        ("soon", 1, 120),
        (None, 1, 120),
    ],
)
def test_a_wait_that_a_provider_asks_for_is_made_sensible_u17_u18(
    http: httpx.Client,
    teach: Callable[..., None],
    wait: str | None,
    least: int,
    most: int,
) -> None:
    lines = [f"retry-after: {wait}"] if wait else []
    limited = whole(b'{"error":{"message":"slow down"}}', "429 Too Many", *lines)
    teach({"u17": [limited]})

    response = ask(http, "raw/u17")

    assert (response.status_code, code_of(response)) == (429, "rate_limit_exceeded")
    assert least <= int(response.headers["retry-after"]) <= most


def test_no_wait_outlasts_what_the_client_gives_u18(
    http: httpx.Client, teach: Callable[..., None], raw: RawUpstream
) -> None:
    limited = whole(b"{}", "429 Too Many", "retry-after-ms: 900")
    teach({"patient": [limited], "hasty": [limited]})

    began = time.monotonic()
    hasty = ask(http, "raw/hasty", headers={"x-stainless-timeout": "0.5"})
    took_s = time.monotonic() - began
    of_the_hasty = len(raw.attempts)
    patient = ask(http, "raw/patient")

    assert [hasty.status_code, patient.status_code] == [429, 429]
    assert took_s < 0.5
    assert (of_the_hasty, len(raw.attempts)) == (1, 1 + 1 + MAX_RETRIES)


LARGE = 900_000
LARGE_DELTA = DELTA.replace(b"Hello", b"a" * LARGE)


@pytest.mark.parametrize(
    ("name", "told", "steps"),
    [
        ("a_body_of_31_mib", OK, [whole(ANSWER + b" " * (31 << 20))]),
        ("a_body_of_33_mib", BAD, [whole(ANSWER + b" " * (33 << 20))]),
        (
            "an_event_of_900_kb" + STREAMED,
            OK,
            [STREAM_HEAD, DELTA, LARGE_DELTA, FINISH, DONE],
        ),
        (
            "an_event_of_1_1_mb" + STREAMED,
            BAD_END,
            [STREAM_HEAD, DELTA, DELTA.replace(b"Hello", b"a" * 1_100_000)],
        ),
        (
            "34_mb_of_events" + STREAMED,
            BAD_END,
            [STREAM_HEAD, DELTA, *[LARGE_DELTA] * 38, FINISH, DONE],
        ),
    ],
)
def test_an_answer_holds_32_mib_and_an_event_one_at_most_u13(
    http: httpx.Client,
    teach: Callable[..., None],
    name: str,
    told: tuple[int, str],
    steps: list[Step],
) -> None:
    Provider.objects.filter(slug="raw").update(total_timeout_s=30)
    teach({name: steps})

    answer = ask(http, f"raw/{name}", stream=name.endswith(STREAMED))

    assert answer.status_code == told[0]
    if told == BAD:
        assert code_of(answer) == BAD[1]
    elif told == BAD_END:
        assert last_code(answer) == BAD_END[1]
    elif name.endswith(STREAMED):
        assert answer.content.endswith(DONE)
    else:
        assert answer.json()["usage"]["total_tokens"] == 5
