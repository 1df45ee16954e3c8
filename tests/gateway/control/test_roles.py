"""Who may do what: by role, by organization, and by what bodies refer to."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db.models import Model

from catalog.models import AIModel, Credential, Endpoint, Price, Provider
from gateway.control.urls import RESOURCES
from tenants.models import (
    Budget,
    EndUser,
    Limit,
    Membership,
    Organization,
    Project,
    Role,
)
from tests.factories import (
    AIModelFactory,
    AliasFactory,
    AliasTargetFactory,
    ApiKeyFactory,
    CredentialFactory,
    EndpointFactory,
    LimitFactory,
    PriceFactory,
    ProviderFactory,
)
from tests.gateway.control.calling import Caller, caller

pytestmark = pytest.mark.django_db


def rows_of(project: Project) -> dict[str, Model]:
    """Return a row of every kind that belongs to the project or its organization."""
    provider = ProviderFactory.create(slug=f"{project.slug}-own", project=project)
    model = AIModelFactory.create(provider=provider)
    alias = AliasFactory.create(name="own", project=project)
    AliasTargetFactory.create(alias=alias, model=model)
    person = get_user_model().objects.create_user(f"person of {project.slug}")
    return {
        "organizations": project.organization,
        "projects": project,
        "keys": ApiKeyFactory.create(project=project),
        "end-users": EndUser.objects.create(project=project, external_id="u"),
        "limits": LimitFactory.create(project=project),
        "budgets": Budget.objects.create(project=project, amount_usd=1),
        "memberships": Membership.objects.create(
            user=person, organization=project.organization, role=Role.ANALYST
        ),
        "providers": provider,
        "endpoints": EndpointFactory.create(provider=provider),
        "models": model,
        "prices": PriceFactory.create(model=model),
        "aliases": alias,
        "credentials": CredentialFactory.create(provider=provider, project=project),
        "custom-endpoints": provider,
    }


def test_each_viewset_states_a_role_for_each_of_its_actions() -> None:
    for name, viewset in RESOURCES.items():
        actions = {
            action
            for action in (
                ["list", "retrieve", "create", "update", "partial_update", "destroy"]
            )
            if hasattr(viewset, action)
        } | {extra.__name__ for extra in viewset.get_extra_actions()}

        assert actions <= viewset.roles.keys(), name  # type: ignore[attr-defined]


def test_rows_of_another_organization_are_not_there(
    operator: Caller, foreign: Project
) -> None:
    for resource, row in rows_of(foreign).items():
        path = f"{resource}/{row.pk}/"
        listed = operator.get(f"{resource}/")

        answers = [operator.get(path), operator.delete(path), operator.patch(path, {})]

        seen = {a.status_code for a in answers}
        assert seen <= {404, 405, 403}, resource
        assert answers[0].status_code in {404, 403}, resource
        if listed.status_code == 200:
            assert row.pk not in [each["id"] for each in listed.json()["results"]]
        assert type(row)._default_manager.filter(pk=row.pk).exists()


@pytest.mark.parametrize(
    "path",
    [
        "projects/{projects}/purge-cache/",
        "keys/{keys}/revoke/",
        "keys/{keys}/rotate/",
        "providers/{providers}/check/",
        "credentials/{credentials}/test/",
        "credentials/{credentials}/release/",
    ],
)
def test_actions_do_not_reach_them_either(
    operator: Caller, foreign: Project, path: str
) -> None:
    ids = {name: row.pk for name, row in rows_of(foreign).items()}

    answer = operator.post(path.format_map(ids), {})

    assert answer.status_code == 404


REFERENCES: list[tuple[str, str, dict[str, Any]]] = [
    ("projects", "organization", {"slug": "new", "name": "New"}),
    ("keys", "project", {"name": "new"}),
    ("end-users", "project", {"external_id": "new"}),
    ("limits", "project", {"metric": "tokens", "amount": 1, "per": "day"}),
    ("budgets", "project", {"amount_usd": "1", "per": "day"}),
    ("budgets", "organization", {"amount_usd": "1", "per": "day"}),
    ("providers", "project", {**RESOURCES["providers"].example_body, "slug": "new"}),  # type: ignore[attr-defined]
    ("endpoints", "provider", {"operation": "chat", "pattern": "/new"}),
    ("models", "provider", {"model_id": "new"}),
    (
        "prices",
        "model",
        {
            "component": "output",
            "per_million": "1",
            "valid_from": "2026-01-01T00:00:00Z",
        },
    ),
    ("aliases", "project", {"name": "new", "targets": []}),
    ("credentials", "project", {"provider": "shared", "name": "new"}),
    (
        "custom-endpoints",
        "project",
        {"name": "n", "base_url": "https://a.example", "model_id": "m"},
    ),
]


@pytest.mark.parametrize(("resource", "field", "body"), REFERENCES)
@pytest.mark.parametrize("by_name", [False, True])
def test_bodies_do_not_refer_to_them(
    operator: Caller,
    foreign: Project,
    resource: str,
    field: str,
    body: dict[str, Any],
    by_name: bool,
) -> None:
    ProviderFactory.create(slug="shared")
    row = rows_of(foreign)[{"model": "models"}.get(field, f"{field}s")]
    named = row.pk if not by_name else getattr(row, "slug", str(row))

    known = operator.post(f"{resource}/", {**body, field: named})
    unknown = operator.post(f"{resource}/", {**body, field: 10**9})

    assert known.status_code == 400, known.content
    assert known.json() == unknown.json()


def test_other_columns_of_bodies_do_not_refer_to_them(
    operator: Caller, project: Project, foreign: Project
) -> None:
    theirs, own = rows_of(foreign), rows_of(project)
    for resource, field, named in [
        ("limits", "api_key", theirs["keys"].pk),
        ("limits", "end_user", theirs["end-users"].pk),
        ("budgets", "api_key", theirs["keys"].pk),
        ("models", "successor", theirs["models"].pk),
        ("aliases", "targets", [{"model": theirs["models"].pk}]),
        ("aliases", "targets", [{"via": theirs["aliases"].pk}]),
    ]:
        answer = operator.patch(f"{resource}/{own[resource].pk}/", {field: named})

        assert answer.status_code == 400, (resource, field)
        assert "There is no such" in answer.json()["error"]["message"]


def test_filters_do_not_tell_of_them(operator: Caller, foreign: Project) -> None:
    rows_of(foreign)

    by_id = operator.get(f"limits/?project={foreign.pk}").json()
    by_slug = operator.get("limits/?project=birch").json()
    by_nothing = operator.get("limits/?project=no-such").json()

    assert by_id == by_slug == by_nothing
    assert by_id["results"] == []


@pytest.mark.parametrize(
    ("role", "reads", "writes"),
    [
        (Role.READ_ONLY, True, False),
        (Role.ANALYST, True, False),
        (Role.OPERATOR, True, True),
        (Role.OWNER, True, True),
    ],
)
def test_roles_in_the_own_organization(
    organization: Organization, project: Project, role: Role, reads: bool, writes: bool
) -> None:
    somebody = caller(role, organization)
    own = rows_of(project)
    for resource in (
        "projects",
        "keys",
        "limits",
        "providers",
        "aliases",
        "credentials",
    ):
        path = f"{resource}/{own[resource].pk}/"
        field = "amount" if resource == "limits" else "active"
        field = "name" if resource == "keys" else field
        before = somebody.get(path)

        changed = somebody.patch(path, {field: before.json()[field]})

        assert before.status_code == (200 if reads else 404)
        assert changed.status_code == (200 if writes else 403), resource


@pytest.mark.parametrize(
    ("role", "memberships", "usage", "audit"),
    [
        (Role.READ_ONLY, 403, 403, 403),
        (Role.ANALYST, 403, 200, 403),
        (Role.OPERATOR, 403, 200, 200),
        (Role.OWNER, 200, 200, 200),
    ],
)
def test_people_usage_and_audit_take_more(
    organization: Organization, role: Role, memberships: int, usage: int, audit: int
) -> None:
    somebody = caller(role, organization)

    assert somebody.get("memberships/").status_code == memberships
    assert somebody.get("usage/").status_code == usage
    assert somebody.get("usage/daily/").status_code == usage
    assert somebody.get("audit/").status_code == audit


def test_what_all_share_is_seen_by_all_and_changed_by_the_installation(
    operator: Caller, platform: Caller, project: Project
) -> None:
    shared = rows_of(project)
    Provider.objects.update(project=None, headers={"x-account": "platform-secret"})
    AIModel.objects.update(project=None)
    for resource in ("providers", "endpoints", "models"):
        path = f"{resource}/{shared[resource].pk}/"

        assert operator.get(path).status_code == 200
        assert operator.patch(path, {"active": True}).status_code == 403
        assert operator.delete(path).status_code == 403
        assert platform.patch(path, {"active": True}).status_code == 200
    path = f"providers/{shared['providers'].pk}/"
    assert operator.get(path).json()["headers"] == {"x-account": "…"}
    assert platform.get(path).json()["headers"] == {"x-account": "platform-secret"}


def test_the_installations_credentials_are_its_own(
    operator: Caller, platform: Caller
) -> None:
    credential = CredentialFactory.create()

    assert operator.get(f"credentials/{credential.pk}/").status_code == 404
    assert operator.get("credentials/").json()["results"] == []
    assert platform.get(f"credentials/{credential.pk}/").status_code == 200


def test_shared_rows_are_added_by_the_installation_alone(operator: Caller) -> None:
    provider = ProviderFactory.create(slug="shared")
    model = AIModelFactory.create(provider=provider)
    for resource, body in (
        ("providers", {**RESOURCES["providers"].example_body}),  # type: ignore[attr-defined]
        ("endpoints", {"provider": "shared", "operation": "chat", "pattern": "/x"}),
        ("models", {"provider": "shared", "model_id": "x"}),
        (
            "prices",
            {
                "model": model.pk,
                "component": "input",
                "per_million": "0",
                "valid_from": "2026-01-01T00:00:00Z",
            },
        ),
        ("aliases", {"name": "x", "targets": [{"model": model.pk}]}),
        ("credentials", {"provider": "shared", "value": "x" * 20}),
        ("organizations", {"slug": "x", "name": "X"}),
    ):
        answer = operator.post(f"{resource}/", body)

        assert answer.status_code == 403, (resource, answer.content)
    counts = [kind.objects.count() for kind in (Endpoint, Price, Credential)]
    assert counts == [0, 0, 0]


def test_an_organization_makes_no_cheap_models_on_what_the_installation_pays(
    operator: Caller, project: Project
) -> None:
    ProviderFactory.create(slug="shared")

    answer = operator.post(
        "models/", {"provider": "shared", "model_id": "x", "project": project.slug}
    )

    assert answer.status_code == 403


def test_what_reaches_into_the_installation_takes_its_roles(
    operator: Caller, platform: Caller, project: Project
) -> None:
    own = rows_of(project)
    provider, credential = own["providers"], own["credentials"]
    private = {"allow_private_addresses": True}
    variable = {"env_name": "OPENAI_API_KEY"}
    custom = {
        "project": "acorn",
        "name": "n",
        "base_url": "http://10.0.0.1",
        "model_id": "m",
        **private,
    }
    for caller_, expected in ((operator, 403), (platform, 200)):
        assert (
            caller_.patch(f"providers/{provider.pk}/", private).status_code == expected
        )
        assert (
            caller_.patch(f"credentials/{credential.pk}/", variable).status_code
            == expected
        )
    moved = operator.patch(f"providers/{provider.pk}/", {"base_url": "http://10.0.0.9"})
    assert moved.status_code == 403
    assert operator.post("custom-endpoints/", custom).status_code == 403
    assert platform.post("custom-endpoints/", custom).status_code == 201


def test_nobody_makes_himself_more_than_he_is(
    organization: Organization, operator: Caller
) -> None:
    owner = caller(Role.OWNER, organization, name="boss")
    everywhere = {"user": "boss", "role": "owner", "organization": None}
    own = {"user": "boss", "role": "owner", "organization": "nice"}

    assert operator.post("memberships/", own).status_code == 403
    assert owner.post("memberships/", everywhere).status_code == 403
    assert (
        owner.post("memberships/", {**own, "organization": "other"}).status_code == 400
    )
    assert not Membership.objects.filter(organization=None).exists()


def test_an_owner_gives_and_takes_roles_in_the_own_organization(
    organization: Organization,
) -> None:
    owner = caller(Role.OWNER, organization, name="boss")
    get_user_model().objects.create_user("ada")
    stranger = get_user_model().objects.create_user("stranger")

    made = owner.post(
        "memberships/", {"user": "ada", "organization": "nice", "role": "analyst"}
    )
    path = f"memberships/{made.json()['id']}/"

    assert made.status_code == 201
    assert owner.patch(path, {"role": "operator"}).json()["role"] == "operator"
    assert owner.delete(path).status_code == 204
    # Numbers are not tried one after another to learn the names of people.
    guess = {"user": stranger.pk, "organization": "nice", "role": "analyst"}
    assert owner.post("memberships/", guess).status_code == 400


def test_the_slug_of_an_organization_is_given_to_it(
    organization: Organization, platform: Caller
) -> None:
    owner = caller(Role.OWNER, organization)
    path = f"organizations/{organization.pk}/"

    assert owner.patch(path, {"name": "Nicer"}).status_code == 200
    assert owner.patch(path, {"slug": "nicer"}).status_code == 403
    assert owner.patch(path, {"active": False}).status_code == 403
    assert owner.delete(path).status_code == 403
    assert platform.patch(path, {"slug": "nicer"}).status_code == 200
    assert Limit.objects.count() == 0
