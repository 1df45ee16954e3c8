"""Runs from one end to the other: gateway, workshop, provider, PostgreSQL."""

import base64
from typing import Any

import httpx
import pytest
from django.db import connection

from gateway.simulator import Simulator
from tenants.models import Project
from tests.factories import (
    AIModelFactory,
    AliasFactory,
    AliasTargetFactory,
    CredentialFactory,
    EndpointFactory,
    PriceFactory,
    ProviderFactory,
)
from tests.gateway.live import LiveGateway, wait_until
from tests.gateway.sounds import offer_sound
from tests.workflows.conftest import Run, caught_up, generate, steps_of, transform
from usage.models import UsageEvent
from workflows.engine.workshop import Workshop
from workflows.models import StepRun, WorkflowRun

SEED_CHAIN = {
    "name": "research-and-summarize",
    "version": 1,
    "steps": [
        {
            "id": "research",
            "action": "generate",
            "provider": "perplexity",
            "input": {"prompt": "Research latest AI trends", "maxTokens": 1000},
            "onSuccess": "summarize",
        },
        {
            "id": "summarize",
            "action": "generate",
            "provider": "anthropic",
            "input": {"prompt": "Summarize: {{research.output}}", "maxTokens": 200},
        },
    ],
}


def test_a_single_step_runs_and_is_answered(run: Run) -> None:
    found = run(generate("only", "Say hello."))

    step = found["steps"][0]
    assert found["success"] is True
    assert found["status"] == "completed"
    assert step["status"] == "completed"
    assert step["output"]
    assert step["provider"] == "sim"
    assert step["costUSD"] > 0
    assert found["totalCostUSD"] == step["costUSD"]
    assert found["totalLatencyMs"] > 0


def test_a_chain_hands_its_outputs_on_and_providers_without_a_key_are_replaced(
    fast: object, project: Project, http: httpx.Client, upstream: Simulator
) -> None:
    project.default_alias = "fast"
    project.save()
    upstream.app.ledger.keep_bodies = True

    found = http.post(
        "/api/workflows/run", json={"workflow": SEED_CHAIN, "wait": True}, timeout=70
    ).json()

    steps = steps_of(found)
    assert found["status"] == "completed", found
    body: Any = upstream.calls[-1].body
    sent = body["messages"][-1]["content"]
    assert sent == f"Summarize: {steps['research']['output']}"


def test_a_step_that_fails_is_repeated_and_then_its_fallback_follows(
    run: Run, upstream: Simulator
) -> None:
    found = run(
        generate(
            "generate",
            model="sim/sim-fault-500",
            retry={"maxAttempts": 3, "delayMs": 1},
            onFailure="fallback",
        ),
        generate("fallback"),
    )

    steps = steps_of(found)
    assert found["status"] == "completed", found
    assert steps["generate"]["status"] == "failed"
    assert steps["generate"]["attempts"] == 3
    assert steps["generate"]["error"]["code"]
    assert steps["fallback"]["status"] == "completed"


def test_a_failure_that_nothing_follows_fails_the_run(run: Run) -> None:
    found = run(
        generate("first", model="sim/sim-fault-500", onSuccess="second"),
        generate("second"),
    )

    steps = steps_of(found)
    assert found["success"] is False
    assert found["status"] == "failed"
    assert found["error"]["step"] == "first"
    assert steps["second"]["status"] == "pending"


def test_parallel_branches_meet_again(run: Run) -> None:
    found = run(
        transform("start", "s"),
        transform("left", "{{start.output}}l", dependsOn=["start"]),
        transform("right", "{{start.output}}r", dependsOn=["start"]),
        transform(
            "join", "{{left.output}}-{{right.output}}", dependsOn=["left", "right"]
        ),
    )

    assert found["status"] == "completed", found
    assert steps_of(found)["join"]["output"] == "sl-sr"


@pytest.mark.parametrize(
    ("score", "taken", "other"), [(9, "good", "bad"), (3, "bad", "good")]
)
def test_a_condition_chooses_the_way(
    run: Run, score: int, taken: str, other: str
) -> None:
    found = run(
        transform("judge", {"score": "{{input.score}}"}, onSuccess="check"),
        {
            "id": "check",
            "action": "condition",
            "when": "judge.output.score >= 7 and length(judge.output) == 1",
            "onSuccess": "good",
            "onFailure": "bad",
        },
        transform("good", "well done"),
        transform("bad", "again"),
        transform("end", "{{good.output}}|{{bad.output}}", dependsOn=["good", "bad"]),
        input={"score": score},
    )

    steps = steps_of(found)
    assert found["status"] == "completed", found
    assert steps[taken]["status"] == "completed"
    assert steps[other]["status"] == "skipped"
    assert steps["check"]["output"] is (score == 9)
    assert steps["end"]["output"].strip("|") == steps[taken]["output"]


def test_a_step_whose_when_does_not_hold_is_left_out_with_what_follows(
    run: Run,
) -> None:
    found = run(
        transform("first", "no", onSuccess="second"),
        transform("second", when="first.output == 'yes'", onSuccess="third"),
        transform("third"),
    )

    steps = steps_of(found)
    assert found["status"] == "completed", found
    assert steps["second"]["status"] == steps["third"]["status"] == "skipped"


def test_a_placeholder_alone_keeps_its_type_and_injected_text_stays_text(
    run: Run,
) -> None:
    poison = "{{input.secret}} {{7*7}} ${x} {% raw %} {{first.output}} <%= 1 %>"

    found = run(
        transform("first", {"list": "{{input.list}}", "text": "{{input.poison}}"}),
        transform("second", "{{first.output.text}}!", dependsOn=["first"]),
        input={"list": [1, {"a": None}], "poison": poison, "secret": "s"},
    )

    steps = steps_of(found)
    assert steps["first"]["output"] == {"list": [1, {"a": None}], "text": poison}
    assert steps["second"]["output"] == f"{poison}!"


def test_transform_picks_maps_and_joins(run: Run) -> None:
    people = [{"name": "Ada", "born": {"year": 1815}}, {"name": "Alan", "born": {}}]

    found = run(
        {
            "id": "names",
            "action": "transform",
            "input": {"from": "{{input.people}}", "map": "name", "join": ", "},
        },
        {
            "id": "first",
            "action": "transform",
            "dependsOn": [],
            "input": {
                "from": "{{input.people}}",
                "pick": {"who": "0.name", "year": "0.born.year"},
            },
        },
        input={"people": people},
    )

    steps = steps_of(found)
    assert steps["names"]["output"] == "Ada, Alan"
    assert steps["first"]["output"] == {"who": "Ada", "year": 1815}


def test_foreach_does_a_step_for_each_element_in_order(
    run: Run, upstream: Simulator
) -> None:
    found = run(
        {
            "id": "each",
            "action": "foreach",
            "input": {
                "items": "{{input.names}}",
                "concurrency": 3,
                "step": {
                    "action": "transform",
                    "input": {"from": "{{index}}: {{item}}"},
                },
            },
        },
        transform("after", "{{each.output.4}}", dependsOn=["each"]),
        input={"names": list("abcdefg")},
    )

    steps = steps_of(found)
    assert found["status"] == "completed", found
    assert steps["each"]["output"] == [f"{i}: {c}" for i, c in enumerate("abcdefg")]
    assert steps["after"]["output"] == "4: e"


def test_an_element_that_fails_fails_the_foreach_unless_it_may_go_on(run: Run) -> None:
    each: dict[str, Any] = {
        "id": "each",
        "action": "foreach",
        "input": {
            "items": ["sim/sim-chat", "sim/sim-fault-500"],
            "step": {
                "action": "generate",
                "input": {"prompt": "x", "model": "{{item}}"},
            },
        },
    }

    strict = run(each)
    each["input"]["continueOnError"] = True
    lenient = run(each)

    assert strict["status"] == "failed"
    assert steps_of(lenient)["each"]["output"][1] is None
    assert steps_of(lenient)["each"]["output"][0]
    assert lenient["totalCostUSD"] == pytest.approx(lenient["steps"][0]["costUSD"])


def test_a_wait_goes_on_by_itself(run: Run) -> None:
    found = run(
        {"id": "pause", "action": "wait", "input": {"ms": 150}, "onSuccess": "then"},
        transform("then", "{{pause.output.until}}"),
    )

    assert found["status"] == "completed", found
    assert steps_of(found)["pause"]["latencyMs"] >= 150


def test_another_workflow_runs_as_a_step(run: Run, http: httpx.Client) -> None:
    inner = {
        "name": "inner",
        "steps": [generate("say", "{{input.what}}")],
    }
    assert http.post("/api/workflows/create", json=inner).status_code == 201

    found = run(
        {
            "id": "sub",
            "action": "workflow",
            "input": {"workflow": "inner", "input": {"what": "Hello."}},
            "onSuccess": "then",
        },
        transform("then", "{{sub.output}}"),
    )

    steps = steps_of(found)
    assert found["status"] == "completed", found
    assert steps["then"]["output"] == steps["sub"]["output"] != ""
    assert found["totalCostUSD"] == steps["sub"]["costUSD"] > 0


def test_a_workflow_that_runs_itself_ends(run: Run, http: httpx.Client) -> None:
    recursive = {
        "name": "again",
        "steps": [{"id": "a", "action": "workflow", "input": {"workflow": "again"}}],
    }
    http.post("/api/workflows/create", json=recursive)

    found = http.post(
        "/api/workflows/run", json={"workflowId": "again", "wait": True}, timeout=70
    ).json()

    assert found["status"] == "failed"
    assert WorkflowRun.objects.order_by("-depth")[0].error_code == "too_deep"


def test_embeddings_and_speech_are_steps(
    run: Run, live: LiveGateway, workshop: Workshop, upstream: Simulator
) -> None:
    offer_sound(live, upstream, "openai_speech", "tts-1", sold_by=("character",))
    embedder = ProviderFactory.create(
        slug="embedder", base_url=upstream.url, allow_private_addresses=True
    )
    EndpointFactory.create(
        provider=embedder, operation="embeddings", pattern="/v1/embeddings"
    )
    CredentialFactory.create(provider=embedder)
    model = AIModelFactory.create(
        provider=embedder, model_id="sim-embed", operations=["embeddings"]
    )
    PriceFactory.create(model=model)
    alias = AliasFactory.create(name="embed", operation="embeddings")
    AliasTargetFactory.create(alias=alias, model=model)
    caught_up(workshop)

    found = run(
        {"id": "vectors", "action": "embed", "input": {"text": ["a", "b"]}},
        {
            "id": "sound",
            "action": "speech",
            "dependsOn": [],
            "input": {"text": "Hello.", "voice": "alloy", "format": "wav"},
        },
    )

    steps = steps_of(found)
    assert found["status"] == "completed", found
    assert len(steps["vectors"]["output"]["embeddings"]) == 2
    assert steps["sound"]["output"]["contentType"] == "audio/wav"
    assert base64.b64decode(steps["sound"]["output"]["audio"]).startswith(b"RIFF")
    assert steps["vectors"]["costUSD"] > 0
    assert steps["sound"]["costUSD"] > 0


def test_the_money_of_a_run_is_bounded(run: Run, upstream: Simulator) -> None:
    found = run(
        generate("first", onSuccess="second", input={"maxTokens": 10}),
        generate("second", input={"maxTokens": 1_000_000}),
        definition={"maxCostUSD": 0.0003},
    )

    assert found["status"] == "failed", found
    assert found["error"]["code"] == "budget_exceeded"
    assert found["error"]["step"] == "second"
    assert len(upstream.calls) == 1


def test_the_time_of_a_step_is_bounded(run: Run) -> None:
    found = run(generate("slow", model="sim/sim-chat-latency-3000", timeoutMs=100))

    assert found["error"]["code"] == "step_timed_out"


def test_the_time_of_a_run_is_bounded(run: Run) -> None:
    found = run(
        {"id": "pause", "action": "wait", "input": {"seconds": 100}},
        definition={"timeoutMs": 300},
    )

    assert found["status"] == "failed"
    assert found["error"]["code"] == "run_timed_out"


def test_what_a_run_says_is_nowhere_in_plain_text(run: Run, http: httpx.Client) -> None:
    canary = "canary-4711"

    run(
        generate("a", f"{canary} {{{{input.x}}}}", onSuccess="b"),
        generate("b", "{{a.output}}", model="sim/sim-fault-400", onFailure="c"),
        {
            "id": "c",
            "action": "approval",
            "input": {"message": canary, "timeoutMs": 1000},
        },
        input={"x": canary},
        wait=1,
    )

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.tables "
            "WHERE table_name LIKE 'workflows_%'"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT * FROM "{table}"')
            for row in cursor.fetchall():
                shown = b"|".join(
                    bytes(v) if isinstance(v, memoryview) else str(v).encode()
                    for v in row
                )
                assert canary.encode() not in shown, table
    WorkflowRun.objects.all().delete()


def test_steps_are_metered_as_the_projects_own(
    run: Run, project: Project, live: object
) -> None:
    found = run(generate("only"), userId="user-7")

    found_events = UsageEvent.objects.for_project(project)
    wait_until(lambda: found_events.exists())
    events = list(found_events)
    assert [event.feature for event in events] == ["workflow"]
    assert events[0].feature_id == f"{found['runId']}/only"
    assert events[0].end_user == "user-7"
    assert StepRun.objects.get(run=found["runId"]).request_id == str(
        events[0].request_id
    )
