"""Keys and tokens of one organization at the doors of another: failures A2.

A project key of one project with ids of another's rows gets 404, whatever the route; an
operator token gets no further than a session of the same person; neither opens what the
other is for.
"""

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import get_resolver

from catalog.models import AIModel, Provider
from tenants.models import ApiKey, DataKey, EndUser, OperatorToken, Project, Role
from tests.gateway.conftest import (  # noqa: F401
    live,
    running_gateway,
    running_upstream,
    upstream,
)
from tests.gateway.live import LiveGateway
from tests.security.routes import METHODS, Route, all_routes, methods_of, stated
from tests.security.tenants import (
    Tenant,
    full_tenant,
    member,
    state_of,
    strangers_pointing_to,
)
from tests.security.test_tenant_walk import (
    BY_FIELD_NAME,
    OURS,
    THEIRS,
    filled,
    key_of,
    routes_with_sessions,
    shows,
    with_methods,
)
from workflows.models import Workflow, WorkflowRun

pytestmark = [
    pytest.mark.system,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(300),
]

# What is known of a person by any name may be nothing, which is an answer.
OF_ANYBODY = "api/context/users/"
PLACE = re.compile(r"<(?:(\w+):)?\w+>")


@pytest.fixture
def ours(live: LiveGateway) -> Tenant:  # noqa: F811
    tenant = full_tenant(OURS)
    # A made-up one seals nothing; one that does is made when it is needed.
    DataKey.objects.filter(project=tenant.project).delete()
    return tenant


@pytest.fixture
def theirs(ours: Tenant) -> Tenant:
    return full_tenant(THEIRS)


@pytest.fixture
def key(ours: Tenant) -> str:
    return ApiKey.issue(ours.project, "walker")[1]


def routes_with_keys() -> list[Route]:
    """Return the routes of management that take a project key."""
    found = [
        route
        for route in all_routes(get_resolver())
        if route.path.startswith("api/") and stated(route) == "a project key"
    ]
    for part in ("api/workflows", "api/end-users", "api/ai/analytics"):
        assert any(route.path.startswith(part) for route in found), part
    return found


def names_of(theirs: Tenant) -> set[str]:
    """Return what their rows are called in addresses."""
    found = set()
    for row in theirs.rows.values():
        if isinstance(row, Workflow | WorkflowRun | EndUser | Project):
            found.add(str(row.pk))
            found |= {
                str(getattr(row, name))
                for name in ("external_id", "slug", "name")
                if isinstance(getattr(row, name, None), str)
            }
    return found


def addresses(route: Route, theirs: Tenant) -> Iterator[str]:
    """Yield the addresses of a route with ids of theirs in place of what it takes."""
    kinds = set(PLACE.findall(route.path))
    if not kinds:
        yield "/" + route.path
        return
    if kinds == {"uuid"}:
        ids = {str(r.pk) for r in theirs.rows.values() if isinstance(r.pk, UUID)}
    else:
        ids = names_of(theirs)
        run = str(theirs.row(WorkflowRun).pk)
        if "uuid" in kinds:
            for each in ids:
                yield "/" + PLACE.sub(
                    lambda m, each=each: run if m[1] == "uuid" else each,  # type: ignore[misc]
                    route.path,
                )
            return
    for each in sorted(ids):
        yield "/" + PLACE.sub(each, route.path)


def bodies(theirs: Tenant) -> list[dict[str, Any]]:
    workflow: Any = theirs.row(Workflow)
    user: Any = theirs.row(EndUser)
    provider: Any = theirs.row(Provider)
    model: Any = theirs.row(AIModel)
    named = f"{provider.slug}/{model.model_id}"
    return [
        {},
        {"workflowId": str(workflow.pk), "input": {}, "wait": False},
        {"workflow": workflow.name, "userId": user.external_id},
        {"id": user.external_id, "default_model": named},
        {"preferred_provider": provider.slug},
        {"provider": provider.slug, "secret": "sk-1234567890"},
        {"userId": user.external_id, "content": "x", "scope": "minimal"},
        {"model": named, "messages": [{"role": "user", "content": "hello"}]},
    ]


def said_of_theirs(answer: httpx.Response, sent: str, theirs: Tenant) -> bool:
    """Tell whether an answer says more of them than what was sent in the first place."""
    text = f"{answer.text} {dict(answer.headers)}"
    known = names_of(theirs)
    for body in bodies(theirs):
        known |= {str(value) for value in body.values() if THEIRS in str(value)}
    for name in sorted(known, key=len, reverse=True):
        if name in sent:
            text = text.replace(name, "")
    return THEIRS in text


def test_a2_a_project_key_finds_nothing_of_another_project(
    live: LiveGateway,  # noqa: F811
    key: str,
    theirs: Tenant,
) -> None:
    before = state_of(theirs)
    shown, found = [], []
    http = httpx.Client(
        base_url=live.url, headers={"authorization": f"Bearer {key}"}, timeout=30
    )
    with http:
        # What is made under a name of theirs is our own, and comes last.
        for method in METHODS:
            for route in routes_with_keys():
                takes_id = PLACE.search(route.path) is not None
                is_found = takes_id and not route.path.startswith(OF_ANYBODY)
                paths = list(addresses(route, theirs))
                # What is refused anyway, is so for every address.
                is_allowed = method in methods_of(route.pattern)
                for path in paths if is_allowed else paths[:1]:
                    sendable = bodies(theirs)[: 2 if takes_id else None]
                    for body in [None] if method in METHODS[:2] else sendable:
                        answer = http.request(method, path, json=body)
                        what = (method, path, body, answer.status_code)
                        assert answer.status_code < 500, (what, answer.text)
                        if said_of_theirs(answer, f"{path} {body}", theirs):
                            shown.append(what)
                        if is_found and method in METHODS[:2]:
                            found += [what] * (answer.status_code not in {404, 405})

    assert shown == []
    assert found == []
    assert state_of(theirs) == before
    assert strangers_pointing_to(theirs) == []


def test_a2_a_project_key_is_asked_by_no_other_projects_name(
    live: LiveGateway,  # noqa: F811
    key: str,
    theirs: Tenant,
) -> None:
    headers = {"authorization": f"Bearer {key}", "x-project-id": theirs.project.slug}
    simple = [r for r in routes_with_keys() if not PLACE.search(r.path)]

    with httpx.Client(base_url=live.url, headers=headers, timeout=30) as http:
        statuses = {
            (method, route.path): http.request(method, f"/{route.path}").status_code
            for route in simple
            for method in ("GET", "POST")
        }

    assert set(statuses.values()) <= {403, 405}, statuses
    assert 403 in statuses.values()


def test_a2_private_models_of_another_project_are_not_there(
    live: LiveGateway,  # noqa: F811
    key: str,
    theirs: Tenant,
) -> None:
    provider: Any = theirs.row(Provider)
    model: Any = theirs.row(AIModel)
    live.caught_up()
    body = {
        "model": f"{provider.slug}/{model.model_id}",
        "messages": [{"role": "user", "content": "hello"}],
    }

    with httpx.Client(
        base_url=live.url, headers={"authorization": f"Bearer {key}"}, timeout=30
    ) as http:
        asked = http.post("/v1/chat/completions", json=body)
        explained = http.post("/v1/route/explain", json=body)
        listed = http.get("/v1/models").text

    assert (asked.status_code, explained.status_code) == (404, 404)
    assert THEIRS not in listed


def test_an_operator_token_gets_no_further_than_a_session(
    ours: Tenant, theirs: Tenant
) -> None:
    _, text = OperatorToken.issue(member(ours, Role.OWNER, "walker"), "walk")
    client = Client(raise_request_exception=False)
    headers = {"authorization": f"Bearer {text}"}
    before = state_of(theirs)
    shown = []
    bodies = [
        {name: key_of(theirs, model) for name, model in BY_FIELD_NAME.items()},
        {"project": theirs.project.slug, "organization": theirs.organization.slug},
    ]

    for route in routes_with_sessions():
        for method, path in with_methods(route, filled(route, theirs)):
            for body in [None] if method in METHODS[:2] else bodies:
                answer = client.generic(
                    method,
                    path,
                    b""
                    if body is None
                    else httpx.Request("POST", "http://x", json=body).content,
                    content_type="application/json",
                    headers=headers,
                )
                assert answer.status_code < 500, (method, path)
                sent = THEIRS in f"{path} {body}"
                if shows(answer) and not (sent and answer.status_code >= 400):
                    shown.append((method, path, answer.status_code))

    assert shown == []
    assert state_of(theirs) == before
    assert strangers_pointing_to(theirs) == []


def test_keys_and_tokens_open_nothing_that_the_other_is_for(
    live: LiveGateway,  # noqa: F811
    key: str,
    ours: Tenant,
) -> None:
    user: Any = ours.row(User)
    _, token = OperatorToken.issue(user, "walk")
    project = Project.objects.get(pk=ours.project.pk)

    with httpx.Client(base_url=live.url, timeout=30) as http:

        def statuses(routes: list[Route], presented: str) -> set[int]:
            return {
                http.request(
                    method,
                    "/" + PLACE.sub(str(project.pk), _plain(route.path)),
                    headers={"authorization": f"Bearer {presented}"},
                ).status_code
                for route in routes
                for method in ("GET", "POST")
            }

        by_key = statuses(routes_with_sessions(), key)
        by_token = statuses(
            [r for r in routes_with_keys() if "uuid" not in r.path], token
        )

    assert by_key == {401}
    assert by_token == {401}


def _plain(path: str) -> str:
    """Return a path of a regular expression with an id in place of each group."""
    found = re.sub(r"\(\?P<\w+>[^()]*(?:\([^()]*\)[^()]*)*\)", "1", path)
    return found.replace(".*", "nowhere")
