"""Whatever is sent to the control API, it answers, and never with a mistake of its own."""

from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from typing import Any

import pytest
import requests
import schemathesis
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode

from gateway.control.urls import RESOURCES, SINGLE
from gateway.openapi.views import schema
from tests.gateway.control.calling import ROOT, Caller
from tests.gateway.control.catalog_rows import Examples

FEW, MANY = 1, 100
# They call providers, which are asked nothing here.
CALLING = ("/check/", "/test/")
REQUEST = ("method", "url", "params", "json", "data", "headers", "cookies")


@pytest.fixture
def platform(examples: Examples, db: None) -> Caller:
    return examples.platform


@pytest.fixture
def rows(examples: Examples, db: None) -> dict[str, Any]:
    return deepcopy(examples.rows)


@cache
def described() -> Any:
    return schemathesis.openapi.from_dict(schema())


def operations_of(resource: str) -> Iterator[Any]:
    found = described().include(path_regex=f"^{ROOT}/{resource}/(?!hourly|daily)")
    for each in found.get_all_operations():
        operation = each.ok()
        if not operation.path.endswith(CALLING):
            yield operation


def sent(case: Any, token: str) -> Any:
    """Send a request as it would go over the wire, to the application in this process."""
    arguments = case.as_transport_kwargs(base_url="http://testserver")
    arguments = {name: arguments.get(name) for name in REQUEST if arguments.get(name)}
    try:
        request = requests.Request(**arguments).prepare()
    except (ValueError, requests.RequestException):
        # No client can send it.
        request = requests.Request(case.method, f"http://testserver{ROOT}/").prepare()
    headers = dict(request.headers)
    body = request.body or b""
    client = Client(raise_request_exception=False)
    return client.generic(
        str(request.method),
        str(request.path_url),
        body.encode() if isinstance(body, str) else body,
        content_type=headers.pop("Content-Type", ""),
        headers={**headers, "authorization": f"Bearer {token}"},
    )


def try_operation(
    operation: Any, token: str, row_id: object, mode: GenerationMode, examples: int
) -> None:
    """Send generated requests, and take back what each of them has changed."""

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        if "id" in case.path_parameters and row_id is not None:
            case.path_parameters["id"] = row_id
        with transaction.atomic():
            answer = sent(case, token)
            transaction.set_rollback(True)
        assert answer.status_code < 500, (case.as_curl_command(), answer.content)
        assert answer.status_code != 401

    send()


def try_resource(
    resource: str, rows: dict[str, Any], platform: Caller, examples: int
) -> None:
    row_id = rows.get(resource, {}).get("id")
    tried = 0
    for operation in operations_of(resource):
        for mode in GenerationMode:
            try_operation(operation, platform.token, row_id, mode, examples)
        tried += 1
    assert tried


@pytest.mark.django_db
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("resource", [*RESOURCES, *SINGLE])
def test_no_request_is_answered_with_a_mistake_of_ours(
    resource: str, rows: dict[str, Any], platform: Caller
) -> None:
    try_resource(resource, rows, platform, FEW)


@pytest.mark.long
@pytest.mark.django_db
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("resource", [*RESOURCES, *SINGLE])
def test_no_request_of_very_many_is_either(
    resource: str, rows: dict[str, Any], platform: Caller
) -> None:
    try_resource(resource, rows, platform, MANY)
