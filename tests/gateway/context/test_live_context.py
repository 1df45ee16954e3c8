"""Requests are told of their end user what their project keeps, and nothing else."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.utils import timezone

from catalog.models import AIModel, Provider
from gateway.context.api.parsing import NewEntry
from gateway.context.api.storing import store
from gateway.simulator import Simulator
from tenants.context import erasing
from tenants.models import (
    ContextEntry,
    ContextScope,
    DataKey,
    EndUser,
    EndUserKey,
    Project,
)
from tests.factories import (
    AliasFactory,
    AliasTargetFactory,
    CredentialFactory,
    EndpointFactory,
    ProviderFactory,
)
from tests.gateway.conftest import Offer, offered_model
from tests.gateway.live import LiveGateway
from usage.models import CacheEntry

pytestmark = pytest.mark.django_db(transaction=True)

CHAT = "/v1/chat/completions"
HELLO: Any = [{"role": "user", "content": "Hello"}]


def keep(
    project: Project,
    *texts: str,
    user: str = "ada",
    kind: str = "feels",
    name: str = "",
) -> None:
    """Keep these texts of a user, the last being the newest."""
    now = timezone.now()
    store(
        project,
        [
            NewEntry(user, kind, text, now - timedelta(minutes=n), None, None)
            for n, text in enumerate(reversed(texts), start=1)
        ],
    )
    if name:
        EndUser.objects.filter(project=project, external_id=user).update(name=name)


def ask(
    live: LiveGateway,
    http: httpx.Client,
    body: Any = None,
    *,
    user: str = "ada",
    context: str = "standard",
    path: str = CHAT,
    **headers: str,
) -> httpx.Response:
    live.caught_up()
    told = {"x-signalbox-user": user, "x-signalbox-context": context, **headers}
    told = {name: value for name, value in told.items() if value}
    return http.post(
        path, json=body or {"model": "fast", "messages": HELLO}, headers=told
    )


def heard(upstream: Simulator) -> Any:
    return upstream.calls[-1].body


def test_a_context_follows_what_the_system_says(
    live: LiveGateway,
    http: httpx.Client,
    offer: Offer,
    upstream: Simulator,
    project: Project,
) -> None:
    offer("sim-chat")
    keep(project, "calm", "glad", name="Ada")

    answer = ask(
        live,
        http,
        {
            "model": "fast",
            "messages": [{"role": "system", "content": "Be brief."}, *HELLO],
        },
    )

    assert answer.status_code == 200, answer.text
    first, second, last = heard(upstream)["messages"]
    assert first == {"role": "system", "content": "Be brief."}
    assert second["role"] == "system"
    assert "Name: Ada" in second["content"]
    assert second["content"].index("glad") < second["content"].index("calm")
    assert last == HELLO[0]
    [event] = live.events(project)
    assert event.routing["context"]["scope"] == "standard"
    assert event.routing["context"]["entries"] == 2
    assert 0 < event.routing["context"]["tokens"] < 100


def test_a_context_stands_where_the_prompt_names_its_place(
    live: LiveGateway,
    http: httpx.Client,
    offer: Offer,
    upstream: Simulator,
    project: Project,
) -> None:
    offer("sim-chat")
    keep(project, "calm {{context}}")
    said = "Know this: {{context}} And be brief."

    ask(
        live,
        http,
        {"model": "fast", "messages": [{"role": "system", "content": said}, *HELLO]},
    )

    first, last = heard(upstream)["messages"]
    assert first["content"].startswith("Know this: What is known")
    assert first["content"].endswith("calm {{context}} And be brief.")
    assert last == HELLO[0]


def test_the_own_dialect_narrows_a_scope(
    live: LiveGateway,
    http: httpx.Client,
    offer: Offer,
    upstream: Simulator,
    project: Project,
) -> None:
    offer("sim-chat")
    keep(project, "calm")
    keep(project, "run", kind="habits")

    answer = ask(
        live,
        http,
        {
            "model": "fast",
            "prompt": "Hello",
            "systemPrompt": "You know: {{context}}",
            "userId": "ada",
            "context": {"scope": "comprehensive", "include": ["habits"]},
        },
        user="",
        context="",
        path="/api/ai/generate",
    )

    assert answer.status_code == 200, answer.text
    text = heard(upstream)["messages"][0]["content"]
    assert text.startswith("You know: What is known")
    assert "run" in text
    assert "calm" not in text


PROTOCOLS = {
    "openai_chat": ("/v1/chat/completions", {"messages": HELLO}),
    "anthropic_messages": ("/v1/messages", {"messages": HELLO, "max_tokens": 50}),
    "openai_responses": ("/v1/responses", {"input": "Hello"}),
    "gemini_generate": (
        "/v1beta/models/fast:generateContent",
        {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]},
    ),
}
PATTERNS = {
    "openai_chat": "/v1/chat/completions",
    "anthropic_messages": "/v1/messages",
    "openai_responses": "/v1/responses",
    "gemini_generate": "/v1beta/models/{model}:generateContent",
}


@pytest.mark.parametrize("spoken", list(PROTOCOLS))
@pytest.mark.parametrize("handler", list(PROTOCOLS))
def test_every_dialect_tells_every_protocol(
    live: LiveGateway,
    http: httpx.Client,
    upstream: Simulator,
    project: Project,
    spoken: str,
    handler: str,
) -> None:
    operation = "responses" if handler == "openai_responses" else "chat"
    provider = ProviderFactory.create(
        slug="sim", base_url=upstream.url, allow_private_addresses=True, handler=handler
    )
    EndpointFactory.create(
        provider=provider,
        operation=operation,
        pattern=PATTERNS[handler],
        handler=handler,
    )
    CredentialFactory.create(provider=provider)
    model = offered_model(provider, "sim-chat")
    AIModel.objects.filter(pk=model.pk).update(operations=[operation])
    alias = AliasFactory.create(name="fast")
    AliasTargetFactory.create(alias=alias, model=model)
    keep(project, "a very calm day")
    path, body = PROTOCOLS[spoken]

    answer = ask(live, http, {"model": "fast", **body}, path=path)

    assert answer.status_code == 200, answer.text
    assert "a very calm day" in str(heard(upstream))


@pytest.mark.parametrize(
    ("headers", "word"),
    [
        ({"context": "nowhere"}, "minimal"),
        ({"user": ""}, "x-signalbox-user"),
    ],
)
def test_a_wish_that_cannot_be_granted_is_refused(
    live: LiveGateway, http: httpx.Client, offer: Offer, headers: Any, word: str
) -> None:
    offer("sim-chat")

    answer = ask(live, http, **headers)

    assert answer.status_code == 400
    assert word in answer.text


def test_only_conversations_take_a_context(
    live: LiveGateway, http: httpx.Client, offer: Offer
) -> None:
    offer("sim-chat")

    embedded = ask(live, http, {"model": "fast", "input": "x"}, path="/v1/embeddings")
    passed = ask(live, http, path="/proxy/sim/v1/chat/completions")

    assert (embedded.status_code, passed.status_code) == (400, 400)
    assert "x-signalbox-context" in embedded.text
    assert "x-signalbox-context" in passed.text


def test_a_context_is_cut_to_the_window_of_each_candidate(
    live: LiveGateway,
    http: httpx.Client,
    offer: Offer,
    upstream: Simulator,
    project: Project,
) -> None:
    offer("sim-fault-500", "sim-chat")
    AIModel.objects.filter(model_id="sim-fault-500").update(context_window=800)
    AIModel.objects.filter(model_id="sim-chat").update(context_window=100_000)
    keep(project, *(f"day {n} was as long as any other day" for n in range(60)))

    answer = ask(live, http, {"model": "fast", "messages": HELLO, "max_tokens": 200})

    assert answer.status_code == 200
    assert answer.headers["x-signalbox-fallback"] == "true"
    small, large = (
        call.body["messages"][0]["content"]
        for call in upstream.calls
        if call.body is not None
    )
    assert "day 59 " in small
    assert "day 0 " not in small
    assert "day 0 " in large
    lengths = [event.routing["context"]["entries"] for event in live.events(project)]
    assert 0 < lengths[0] < lengths[1] == 60


def test_answers_with_a_context_are_kept_only_where_the_project_wants_it(
    live: LiveGateway,
    http: httpx.Client,
    offer: Offer,
    upstream: Simulator,
    project: Project,
) -> None:
    offer("sim-chat")
    keep(project, "calm")
    keep(project, "calm", user="bob")
    project.cache = {"enabled": True, "ttl_s": 600}
    project.save()

    assert ask(live, http).headers["x-signalbox-cache"] == "bypass"
    assert ask(live, http).headers["x-signalbox-cache"] == "bypass"
    project.cache = {"enabled": True, "ttl_s": 600, "context": True}
    project.save()
    assert ask(live, http).headers["x-signalbox-cache"] == "miss"
    assert ask(live, http).headers["x-signalbox-cache"] == "hit"
    # The same words about another are another's.
    assert ask(live, http, user="bob").headers["x-signalbox-cache"] == "miss"
    keep(project, "glad")
    assert ask(live, http).headers["x-signalbox-cache"] == "miss"
    live.settled()
    assert CacheEntry.objects.count() == 3
    erasing.erase(EndUser.objects.get(external_id="ada"), "admin")
    live.gateway.cache.memory.__init__()  # type: ignore[misc]
    keep(project, "glad", "calm")
    assert ask(live, http).headers["x-signalbox-cache"] == "miss"


def test_an_unknown_user_has_a_context_without_entries(
    live: LiveGateway, http: httpx.Client, offer: Offer, upstream: Simulator
) -> None:
    offer("sim-chat")

    assert ask(live, http, user="nobody", context="minimal").status_code == 200

    [told, _] = heard(upstream)["messages"]
    assert told["content"] == f"Today is {timezone.now():%A, %Y-%m-%d}."


def test_nothing_is_left_of_an_erased_user_with_all_current_keys(
    live: LiveGateway,
    http: httpx.Client,
    offer: Offer,
    upstream: Simulator,
    project: Project,
) -> None:
    offer("sim-chat")
    keep(project, "calm", name="Ada")
    sealed = bytes(ContextEntry.objects.get().sealed)
    ask(live, http)
    assert "calm" in str(heard(upstream))

    erasing.erase(EndUser.objects.get(external_id="ada"), "admin")
    ask(live, http)

    assert "calm" not in str(heard(upstream))
    assert "Ada" not in str(heard(upstream))
    assert not EndUserKey.objects.exists()
    assert not ContextEntry.objects.exists()
    assert DataKey.objects.filter(project=project).exists()
    assert b"calm" not in sealed


def test_a_scope_that_changes_holds_at_once(
    live: LiveGateway,
    http: httpx.Client,
    offer: Offer,
    upstream: Simulator,
    project: Project,
) -> None:
    offer("sim-chat")
    keep(project, "calm")
    scope = ContextScope(
        project=project,
        name="mine",
        kinds=[{"kind": "feels", "days": 1, "max_entries": 5}],
        template="Feels: {{entries}}",
        entry_template="{{content}}",
    )
    scope.full_clean()
    scope.save()

    ask(live, http, context="mine")
    assert heard(upstream)["messages"][0]["content"] == "Feels: calm"
    ContextScope.objects.update(template="Now: {{entries}}")
    ask(live, http, context="mine")
    assert heard(upstream)["messages"][0]["content"] == "Now: calm"


def test_explain_counts_the_context(
    live: LiveGateway, http: httpx.Client, offer: Offer, project: Project
) -> None:
    offer("sim-chat")
    keep(project, *("a long entry " * 20 for _ in range(10)))
    body = {"model": "fast", "messages": HELLO}

    bare = ask(live, http, body, path="/v1/route/explain", context="").json()
    told = ask(live, http, body, path="/v1/route/explain").json()

    assert told["input_tokens"] > bare["input_tokens"] + 200


def test_a_stream_is_told_as_well(
    live: LiveGateway,
    http: httpx.Client,
    offer: Offer,
    upstream: Simulator,
    project: Project,
    provider: Provider,
) -> None:
    offer("sim-chat")
    keep(project, "calm")

    answer = ask(live, http, {"model": "fast", "messages": HELLO, "stream": True})

    assert answer.text.endswith("data: [DONE]\n\n")
    assert "calm" in heard(upstream)["messages"][0]["content"]
