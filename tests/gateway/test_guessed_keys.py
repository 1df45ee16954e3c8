"""Keys and tokens that are guessed: failures A8 and A9."""

import hmac
import math
import string
from collections.abc import Iterator

import httpx
import pytest

from tenants import failed_attempts, keys
from tenants.keys import OPERATOR_PREFIX, new_key
from tenants.models import ApiKey, Project, Role
from tests.gateway.control.calling import ROOT, caller
from tests.gateway.live import LiveGateway


@pytest.fixture(autouse=True)
def _three_a_minute(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    guard = failed_attempts.FAILED_KEYS
    monkeypatch.setattr(guard, "_most", 3)
    monkeypatch.setattr(guard, "_per_s", 3 / 60)
    yield
    guard._failures.clear()
    guard._recognized.clear()


def ask(live: LiveGateway, path: str, key: str) -> httpx.Response:
    headers = {"authorization": f"Bearer {key}"}
    return httpx.get(f"{live.url}{path}", headers=headers)


@pytest.mark.parametrize("path", ["/v1/models", "/api/end-users"])
def test_a9_an_address_that_guesses_keys_has_to_wait(
    live: LiveGateway, project: Project, path: str
) -> None:
    _, good = ApiKey.issue(project, "known")
    _, cold = ApiKey.issue(project, "not asked yet")
    assert ask(live, "/v1/models", good).status_code == 200

    guessed = [ask(live, path, new_key().text) for _ in range(5)]

    assert [each.status_code for each in guessed] == [401, 401, 401, 429, 429]
    assert guessed[3].json()["error"]["code"] == "rate_limit_exceeded"
    assert 0 < int(guessed[3].headers["retry-after"]) <= 20
    assert ask(live, "/v1/models", cold).status_code == 429
    # A key that was good before is not held up, read anew or not.
    ApiKey.issue(project, "makes the process forget the project")
    live.caught_up()
    assert ask(live, "/v1/models", good).status_code == 200


def test_a9_an_address_that_guesses_tokens_has_to_wait(live: LiveGateway) -> None:
    token = caller(Role.OWNER).token
    assert ask(live, f"{ROOT}/me/", token).status_code == 200

    guessed = [
        ask(live, f"{ROOT}/me/", new_key(OPERATOR_PREFIX).text) for _ in range(4)
    ]

    assert [each.status_code for each in guessed] == [401, 401, 401, 429]
    assert guessed[3].json()["error"]["code"] == "rate_limit_exceeded"
    assert int(guessed[3].headers["retry-after"]) > 0
    assert ask(live, f"{ROOT}/me/", token).status_code == 200


def test_a_request_without_a_key_is_no_guess(live: LiveGateway) -> None:
    answers = [httpx.get(f"{live.url}/v1/models").status_code for _ in range(5)]

    assert answers == [401] * 5


def test_a_secret_has_256_bits_a9() -> None:
    texts = [new_key(prefix).text for prefix in ("sb", OPERATOR_PREFIX)]

    for text in texts:
        _, _, secret, _ = text.split("_")
        assert len(secret) * math.log2(26 + 26 + 10) >= 256
        assert set(secret) <= {*string.ascii_letters, *string.digits}


@pytest.mark.parametrize("path", ["/v1/models", "/api/end-users", f"{ROOT}/me/"])
def test_secrets_are_compared_in_constant_time_a8(
    live: LiveGateway, project: Project, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = ApiKey.issue(project, "known")[1]
    if path.startswith(ROOT):
        good = caller(Role.OWNER).token
    # Another secret of the same id, and its checksum.
    prefix, key_id, *_ = good.split("_")
    unsigned = f"{prefix}_{key_id}_{new_key().text.split('_')[2]}"
    wrong = f"{unsigned}_{keys._checksum(unsigned)}"
    compared: list[tuple[int, int]] = []
    real = hmac.compare_digest

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", compare)

    assert ask(live, path, wrong).status_code == 401
    # Digests of one length, whatever was presented.
    assert compared == [(32, 32)]
    assert ask(live, path, good).status_code == 200
    assert compared == [(32, 32)] * 2
