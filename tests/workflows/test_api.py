"""The routes: what they take, what they refuse, and whose runs they show."""

import threading
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import jsonschema
import orjson
import pytest

from catalog.models import Alias
from tenants.models import ApiKey, Project
from tests.gateway.live import LiveGateway, wait_until
from tests.workflows.conftest import Run, generate, steps_of, transform
from workflows.models import IdempotentRequest, StepApproval, WorkflowRun

GATE: dict[str, Any] = {
    "id": "gate",
    "action": "approval",
    "input": {"message": "Send to {{input.who}}?"},
    "onSuccess": "sent",
    "onFailure": "kept",
}


@pytest.fixture
def other_http(
    live: LiveGateway, fast: Alias, other_project: Project
) -> Iterator[httpx.Client]:
    """The client of another project."""
    _, text = ApiKey.issue(other_project, "other")
    headers = {"authorization": f"Bearer {text}"}
    with httpx.Client(base_url=live.url, headers=headers, timeout=10) as client:
        yield client


@pytest.fixture
def waiting(run: Run) -> dict[str, Any]:
    """A run that waits for approval."""
    return run(
        GATE,
        transform("sent", "sent"),
        transform("kept", "kept"),
        input={"who": "Ada"},
        userId="requester",
    )


def stored(http: httpx.Client, name: str = "kept", **fields: Any) -> httpx.Response:
    body = {"name": name, "steps": [transform("a", name)], **fields}
    return http.post("/api/workflows/create", json=body)


def ended(http: httpx.Client, run_id: str) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def is_over() -> bool:
        found.update(http.get(f"/api/workflows/runs/{run_id}").json())
        return found["endedAt"] is not None

    wait_until(is_over, 10)
    return found


def test_without_wait_the_run_is_accepted_and_goes_on(
    fast: Alias, http: httpx.Client
) -> None:
    body = {"workflow": {"name": "x", "steps": [transform("a")]}}

    answer = http.post("/api/workflows/run", json=body)

    assert answer.status_code == 202
    assert answer.json()["success"] is True
    assert answer.json()["status"] in {"queued", "running"}
    assert ended(http, answer.json()["runId"])["status"] == "completed"


def test_a_definition_with_mistakes_is_refused_with_all_of_them(
    fast: Alias, http: httpx.Client
) -> None:
    broken = {"name": "x", "steps": [transform("a", onSuccess="b"), {"id": 5}]}

    for path, body in (("run", {"workflow": broken}), ("create", broken)):
        answer = http.post(f"/api/workflows/{path}", json=body)

        error = answer.json()["error"]
        assert answer.status_code == 400
        assert answer.json()["success"] is False
        assert "steps[0].onSuccess: There is no step 'b'." in error["message"]
        assert {each["path"] for each in error["mistakes"]} >= {
            "steps[0].onSuccess",
            "steps[1].id",
            "steps[1]",
        }


def test_mistakes_can_be_asked_for_alone(fast: Alias, http: httpx.Client) -> None:
    answer = http.post("/api/workflows/validate", json={"name": "x"})

    assert answer.status_code == 200
    assert answer.json()["valid"] is False
    assert answer.json()["mistakes"][0]["message"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "workflow"),
        ({"workflow": {}, "workflowId": "x"}, "workflow"),
        ({"workflowId": "x", "often": 1}, "often"),
        ({"workflowId": "x", "input": []}, "input"),
        ({"workflowId": "x", "wait": 61}, "wait"),
        ({"workflowId": "x", "wait": "yes"}, "wait"),
        ({"workflowId": 5}, "workflowId"),
        ({"workflowId": "x", "userId": "a\nb"}, "userId"),
        ({"workflowId": "x", "version": "1"}, "version"),
    ],
)
def test_a_wrong_body_is_refused(
    fast: Alias, http: httpx.Client, body: dict[str, Any], param: str
) -> None:
    answer = http.post("/api/workflows/run", json=body)

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


def test_an_input_that_the_workflow_asks_for_must_be_given(
    fast: Alias, http: httpx.Client
) -> None:
    body = {"workflow": {"name": "x", "steps": [transform("a", "{{input.who}}")]}}

    answer = http.post("/api/workflows/run", json=body)

    assert answer.status_code == 400
    assert "input.who" in answer.json()["error"]["message"]


def test_stored_workflows_have_versions_of_which_one_is_active(
    fast: Alias, http: httpx.Client
) -> None:
    first = stored(http)
    body = {"name": "kept", "definition": {"steps": [transform("a", "second")]}}
    second = http.post("/api/workflows/create", json=body)

    assert first.status_code == second.status_code == 201
    assert second.json()["workflowId"] == first.json()["workflowId"]
    assert (first.json()["version"], second.json()["version"]) == (1, 2)
    listed = http.get("/api/workflows/list").json()
    assert listed["total"] == 1
    assert listed["workflows"][0]["version"] == 2
    assert listed["workflows"][0]["status"] == "active"
    for reference in ("kept", first.json()["workflowId"]):
        one = http.get(f"/api/workflows/{reference}").json()
        assert one["definition"]["steps"][0]["input"] == {"from": "second"}
    for fields, output in (({}, "second"), ({"version": 1}, "kept")):
        answer = http.post(
            "/api/workflows/run",
            json={"workflowId": first.json()["workflowId"], "wait": True, **fields},
            timeout=70,
        )
        assert answer.json()["steps"][0]["output"] == output


def test_a_version_never_changes(fast: Alias, http: httpx.Client) -> None:
    assert stored(http, version=3).json()["version"] == 3
    assert stored(http, version=3).status_code == 201

    answer = stored(http, version=3, steps=[transform("other")])

    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "version_exists"


def test_a_draft_is_not_run(fast: Alias, http: httpx.Client) -> None:
    definition = {"steps": [transform("a")]}
    http.post(
        "/api/workflows/create",
        json={"name": "draft", "definition": definition, "status": "draft"},
    )

    answer = http.post("/api/workflows/run", json={"workflowId": "draft"})

    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "no_active_version"


def test_runs_are_listed_newest_first_by_filter_and_page(
    fast: Alias, http: httpx.Client
) -> None:
    workflow = stored(http).json()["workflowId"]
    ids = [
        http.post(
            "/api/workflows/run", json={"workflowId": workflow, "userId": user}
        ).json()["runId"]
        for user in ("a", "b", "a")
    ]
    for each in ids:
        ended(http, each)

    first = http.get("/api/workflows/runs?limit=2").json()
    rest = http.get(f"/api/workflows/runs?limit=2&cursor={first['nextCursor']}").json()
    of_a = http.get(f"/api/workflows/runs?userId=a&workflowId={workflow}").json()
    failed = http.get("/api/workflows/runs?status=failed").json()

    assert [each["runId"] for each in first["runs"] + rest["runs"]] == ids[::-1]
    assert rest["nextCursor"] is None
    assert [each["runId"] for each in of_a["runs"]] == [ids[2], ids[0]]
    assert failed["runs"] == []
    for wrong in ("limit=0", "limit=x", "status=dancing", "cursor=x", "workflowId=x"):
        assert http.get(f"/api/workflows/runs?{wrong}").status_code == 400


def test_the_same_request_sent_again_makes_no_second_run(
    fast: Alias, http: httpx.Client
) -> None:
    headers = {"Idempotency-Key": str(uuid4())}
    body = {"workflow": {"name": "x", "steps": [transform("a")]}}
    answers: list[httpx.Response] = []

    def send() -> None:
        answers.append(http.post("/api/workflows/run", json=body, headers=headers))

    threads = [threading.Thread(target=send) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other = http.post(
        "/api/workflows/run", json={**body, "input": {"a": 1}}, headers=headers
    )

    # Who comes late may find that the run is over.
    assert {answer.status_code for answer in answers} <= {200, 202}, answers[0].text
    assert len({answer.json()["runId"] for answer in answers}) == 1
    assert WorkflowRun.objects.count() == IdempotentRequest.objects.count() == 1
    assert other.status_code == 409
    assert other.json()["error"]["code"] == "idempotency_key_reused"
    ended(http, answers[0].json()["runId"])


def test_another_project_sees_nothing(
    waiting: dict[str, Any], http: httpx.Client, other_http: httpx.Client
) -> None:
    workflow = stored(http).json()["workflowId"]
    run = f"/api/workflows/runs/{waiting['runId']}"

    for path in (
        run,
        f"{run}/events",
        f"{run}/steps/gate",
        f"/api/workflows/{workflow}",
    ):
        assert other_http.get(path).status_code == 404, path
    for path in (f"{run}/cancel", f"{run}/approve", f"{run}/reject"):
        assert other_http.post(path, json={}).status_code == 404, path
    answer = other_http.post("/api/workflows/run", json={"workflowId": workflow})
    assert answer.status_code == 404
    assert other_http.get("/api/workflows/runs").json()["runs"] == []
    assert other_http.get("/api/workflows/list").json()["workflows"] == []
    secret = "/api/workflows/signing-secret"
    assert http.get(secret).json() != other_http.get(secret).json()
    http.post(f"{run}/cancel")


def test_without_a_key_nothing_but_the_schema_is_shown(live: LiveGateway) -> None:
    with httpx.Client(base_url=live.url) as nobody:
        schema = nobody.get("/api/workflows/schema")
        assert schema.status_code == 200
        jsonschema.Draft202012Validator.check_schema(schema.json())
        for method, path in (
            ("GET", "runs"),
            ("GET", "list"),
            ("POST", "run"),
            ("POST", "create"),
            ("GET", f"runs/{uuid4()}"),
            ("POST", f"runs/{uuid4()}/approve"),
        ):
            answer = nobody.request(method, f"/api/workflows/{path}")
            assert answer.status_code == 401, path
            assert answer.json()["error"]["code"] == "invalid_api_key"


def test_an_approved_step_is_done_and_what_follows(
    waiting: dict[str, Any], http: httpx.Client
) -> None:
    gate = steps_of(waiting)["gate"]
    assert waiting["status"] == gate["status"] == "waiting_approval"
    assert gate["approval"]["shown"]["message"] == "Send to Ada?"
    run = f"/api/workflows/runs/{waiting['runId']}"

    wrong = http.post(f"{run}/approve", json={"digest": "0" * 64})
    right = http.post(
        f"{run}/approve", json={"digest": gate["approval"]["digest"], "userId": "boss"}
    )
    again = http.post(f"{run}/approve", json={})

    found = ended(http, waiting["runId"])
    assert wrong.status_code == again.status_code == 409
    assert right.status_code == 200
    assert found["status"] == "completed"
    assert steps_of(found)["gate"]["output"] == {"approved": True, "by": "boss"}
    assert steps_of(found)["sent"]["status"] == "completed"
    assert steps_of(found)["kept"]["status"] == "skipped"


def test_a_rejected_step_fails_and_its_fallback_follows(
    waiting: dict[str, Any], http: httpx.Client
) -> None:
    http.post(
        f"/api/workflows/runs/{waiting['runId']}/reject",
        json={"userId": "boss", "reason": "too soon"},
    )

    found = ended(http, waiting["runId"])
    assert found["status"] == "completed"
    assert steps_of(found)["gate"]["error"] == {
        "code": "rejected",
        "message": "It was rejected by boss: too soon",
    }
    assert steps_of(found)["kept"]["output"] == "kept"


def test_of_a_hundred_decisions_at_once_exactly_one_counts(
    waiting: dict[str, Any], live: LiveGateway, http: httpx.Client, key: str
) -> None:
    path = f"{live.url}/api/workflows/runs/{waiting['runId']}"
    headers = {"authorization": f"Bearer {key}"}
    statuses: list[int] = []
    gate = threading.Barrier(100)

    def decide(number: int) -> None:
        verb = "approve" if number % 2 else "reject"
        with httpx.Client(timeout=60) as client:
            gate.wait()
            answer = client.post(
                f"{path}/{verb}", json={"userId": f"u{number}"}, headers=headers
            )
        statuses.append(answer.status_code)

    threads = [threading.Thread(target=decide, args=(n,)) for n in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(set(statuses)) == [200, 409]
    assert statuses.count(200) == 1
    assert StepApproval.objects.exclude(decided_by="").count() == 1
    ended(http, waiting["runId"])


def test_whoever_started_the_run_may_not_decide_where_another_has_to(
    run: Run, http: httpx.Client
) -> None:
    gate = {**GATE, "input": {"message": "?", "byAnother": True}}
    waiting = run(
        gate, transform("sent"), transform("kept"), userId="me", input={"who": "x"}
    )
    path = f"/api/workflows/runs/{waiting['runId']}/approve"

    own = http.post(path, json={"userId": "me"})
    nameless = http.post(path, json={})
    other = http.post(path, json={"userId": "other"})

    assert own.status_code == 403
    assert nameless.status_code == 400
    assert other.status_code == 200
    ended(http, waiting["runId"])


def test_an_approval_that_nobody_gives_expires(run: Run) -> None:
    found = run(
        {**GATE, "input": {"message": "?", "timeoutMs": 1000}},
        transform("sent"),
        transform("kept"),
        wait=False,
    )

    assert found["status"] in {"queued", "running", "waiting_approval"}

    def gate() -> dict[str, Any]:
        return dict(
            WorkflowRun.objects.values("status", "error_code").get(pk=found["runId"])
        )

    wait_until(lambda: gate()["status"] == "completed", 10)
    assert StepApproval.objects.get().state == "expired"


def test_any_step_may_ask_for_approval_of_what_it_will_do(
    run: Run, http: httpx.Client
) -> None:
    waiting = run(
        generate("say", "Hello {{input.who}}.", approval=True), input={"who": "Ada"}
    )

    shown = steps_of(waiting)["say"]["approval"]["shown"]
    assert shown["input"] == {"prompt": "Hello Ada."}
    http.post(f"/api/workflows/runs/{waiting['runId']}/approve")
    found = ended(http, waiting["runId"])
    assert steps_of(found)["say"]["output"]
    assert steps_of(found)["say"]["attempts"] == 1


def test_a_cancelled_run_ends_with_what_it_has_begun(
    run: Run, http: httpx.Client
) -> None:
    inner = {"name": "inner", "steps": [GATE, transform("sent"), transform("kept")]}
    http.post("/api/workflows/create", json=inner)
    found = run(
        {
            "id": "sub",
            "action": "workflow",
            "input": {"workflow": "inner", "input": {"who": "x"}},
        },
        generate("slow", model="sim/sim-chat-latency-3000", dependsOn=[]),
        wait=0.3,
    )
    path = f"/api/workflows/runs/{found['runId']}/cancel"
    wait_until(lambda: WorkflowRun.objects.filter(status="waiting_approval").exists())

    first, again = http.post(path), http.post(path)

    assert first.status_code == again.status_code == 200
    assert first.json()["status"] == "cancelled"
    assert set(WorkflowRun.objects.values_list("status", flat=True)) == {"cancelled"}
    assert StepApproval.objects.get().state == "void"


def test_a_run_that_has_ended_cannot_be_cancelled(run: Run, http: httpx.Client) -> None:
    found = run(transform("a"))

    answer = http.post(f"/api/workflows/runs/{found['runId']}/cancel")

    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "conflict"
    assert WorkflowRun.objects.get().status == "completed"


def test_a_run_can_be_watched(waiting: dict[str, Any], http: httpx.Client) -> None:
    path = f"/api/workflows/runs/{waiting['runId']}"
    seen: list[tuple[str, dict[str, Any]]] = []

    with http.stream("GET", f"{path}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        name = ""
        for line in stream.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                seen.append((name, orjson.loads(line.removeprefix("data: "))))
                if len(seen) == 2:
                    http.post(f"{path}/approve", json={})

    assert [name for name, _ in seen[:2]] == ["step", "run"]
    assert seen[0][1]["status"] == "waiting_approval"
    assert seen[-1][0] == "done"
    assert seen[-1][1]["status"] == "completed"
    assert {each["id"] for name, each in seen if name == "step"} == {
        "gate",
        "sent",
        "kept",
    }


def test_an_output_that_is_too_large_is_refused_clearly(run: Run) -> None:
    found = run(
        transform("double", ["{{input.x}}", "{{input.x}}"]),
        input={"x": "x" * 700_000},
    )

    assert found["error"]["code"] == "output_too_large"
    assert "may have 1048576" in found["error"]["message"]


def test_an_input_that_is_too_large_is_refused(fast: Alias, http: httpx.Client) -> None:
    body = {
        "workflow": {"name": "x", "steps": [transform("a")]},
        "input": {"x": "x" * 1_100_000},
    }

    answer = http.post("/api/workflows/run", json=body)

    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "request_too_large"
    assert not WorkflowRun.objects.exists()
