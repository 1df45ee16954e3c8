"""Whatever is sent with a project key is answered, and never with a mistake of ours."""

import contextlib
from collections import Counter
from functools import cache
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from gateway.openapi.views import schema
from tenants.models import ApiKey, Project
from tests.gateway.conftest import Offer
from tests.gateway.live import LiveGateway

FEW, MANY = 2, 60
GROUPS = (
    "/v1/",
    "/v1beta/",
    "/api/ai/",
    "/api/context/",
    "/api/end-users",
    "/api/workflows/",
    "/proxy/",
    "/health/",
)
# Where a key may stand as well; two that differ would be refused before all else.
PLACES = ("authorization", "x-api-key", "api-key", "x-goog-api-key", "x-project-id")
REQUEST = ("method", "url", "params", "json", "data", "headers", "cookies", "files")


@pytest.fixture
def key(project: Project, offer: Offer) -> str:
    """A key that may ask a model which answers, and knows it as the default."""
    offer("sim-chat")
    Project.objects.filter(pk=project.pk).update(default_alias="fast")
    return ApiKey.issue(project, "anything")[1]


def prepared(case: Any, url: str, key: str) -> requests.PreparedRequest | None:
    """Return the request as it goes over the wire; None for what no client can send."""
    arguments = case.as_transport_kwargs(base_url=url)
    arguments = {name: arguments.get(name) for name in REQUEST if arguments.get(name)}
    headers = {
        name: value
        for name, value in (arguments.get("headers") or {}).items()
        if name.lower() not in PLACES
    }
    params = arguments.get("params")
    if isinstance(params, dict):
        arguments["params"] = {k: v for k, v in params.items() if k != "key"}
    if isinstance(body := arguments.get("json"), dict) and "wait" in body:
        # Nobody works here on what would be waited for.
        arguments["json"] = {**body, "wait": False}
    arguments["headers"] = {**headers, "authorization": f"Bearer {key}"}
    try:
        return requests.Request(**arguments).prepare()
    except (ValueError, requests.RequestException):
        return None


@cache
def described() -> Any:
    return schemathesis.openapi.from_dict(schema())


def try_group(group: str, live: LiveGateway, key: str, examples: int) -> Counter[int]:
    http = requests.Session()
    statuses: Counter[int] = Counter()

    def try_operation(operation: Any, mode: GenerationMode) -> None:
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def send(case: Any) -> None:
            request = prepared(case, live.url, key)
            if request is None:
                return
            try:
                answer = http.send(request, timeout=30, allow_redirects=False)
            except requests.exceptions.InvalidHeader:
                return
            statuses[answer.status_code] += 1
            assert answer.status_code < 500, (case.as_curl_command(), answer.content)

        # Some operations take nothing that could be wrong.
        with contextlib.suppress(Unsatisfiable):
            send()

    with http:
        for each in described().include(path_regex=f"^{group}").get_all_operations():
            for mode in GenerationMode:
                try_operation(each.ok(), mode)
    return statuses


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("group", GROUPS)
def test_no_request_is_answered_with_a_mistake_of_ours(
    group: str, live: LiveGateway, key: str
) -> None:
    assert try_group(group, live, key, FEW)


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("group", GROUPS)
def test_no_request_of_very_many_is_either(
    group: str, live: LiveGateway, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    statuses = try_group(group, live, key, MANY)

    with capsys.disabled():
        print(f"\n{group}: {statuses.total()} requests, {dict(statuses)}")  # noqa: T201
    assert set(statuses) - {401}
