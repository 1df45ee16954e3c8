import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from tenants.keys import OPERATOR_PREFIX, digest_of, key_id_of
from tenants.models import ApiKey, Limit, OperatorToken, Organization, Project

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    organization = Organization.objects.create(slug="o", name="O")
    return Project.objects.create(organization=organization, slug="shop", name="Shop")


def run(*args: Any, **options: Any) -> str:
    out = io.StringIO()
    call_command(*args, stdout=out, **options)
    return out.getvalue()


def test_a_key_is_printed_alone_and_only_its_digest_kept(project: Project) -> None:
    text = run("issue_key", "shop", "--name", "ci", "--scopes", "chat,embeddings")

    key = ApiKey.objects.get()
    assert text == f"{text.strip()}\n"
    assert key_id_of(text.strip()) == key.key_id
    assert bytes(key.digest) == digest_of(text.strip())
    assert key.scopes == ["chat", "embeddings"]
    assert key.expires_at is None


def test_a_key_may_expire(project: Project) -> None:
    run("issue_key", "shop", "--expires", "90d")

    expires_at = ApiKey.objects.get().expires_at
    assert expires_at is not None
    assert abs(expires_at - timezone.now() - timedelta(days=90)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["shpo"], "Did you mean shop?"),
        (["shop", "--expires", "soon"], "12h, 90d, 2w"),
        (["shop", "--expires", "0d"], "is no duration"),
        (["shop", "--scopes", "chatt"], "chatt is no scope"),
    ],
)
def test_a_key_is_not_issued_by_mistake(
    project: Project, arguments: list[str], message: str
) -> None:
    with pytest.raises(CommandError, match=message):
        run("issue_key", *arguments)

    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("of_key", ["prefix", "key_id"])
def test_a_key_is_revoked_by_its_prefix(project: Project, of_key: str) -> None:
    key, _ = ApiKey.issue(project, "k")

    run("revoke_key", getattr(key, of_key))

    key.refresh_from_db()
    assert key.status == "revoked"
    assert "was revoked before" in run("revoke_key", key.prefix)


def test_a_whole_key_may_be_given_to_revoke_it_and_is_not_repeated(
    project: Project,
) -> None:
    _, text = ApiKey.issue(project, "k")

    assert text not in run("revoke_key", text)
    assert ApiKey.objects.get().status == "revoked"


def test_several_keys_are_revoked_at_once_or_all_of_a_project(
    project: Project,
) -> None:
    one, two, three = (ApiKey.issue(project, "k")[0] for _ in range(3))
    other, _ = ApiKey.issue(
        Project.objects.create(
            organization=project.organization, slug="other", name="Other"
        ),
        "k",
    )

    with pytest.raises(CommandError, match="no key of this prefix"):
        run("revoke_key", one.prefix, "sb_unknown")
    assert not ApiKey.objects.exclude(revoked_at=None).exists()
    run("revoke_key", one.prefix, two.prefix)
    assert ApiKey.objects.exclude(revoked_at=None).count() == 2
    assert run("revoke_key", "--project", "shop") == "1 keys of shop are revoked.\n"
    three.refresh_from_db()
    other.refresh_from_db()
    assert (three.status, other.status) == ("revoked", "active")


@pytest.mark.parametrize("arguments", [[], ["sb_x", "--project", "shop"]])
def test_it_is_said_which_keys_to_revoke(arguments: list[str]) -> None:
    with pytest.raises(CommandError, match="Name keys by their prefixes"):
        run("revoke_key", *arguments)


def test_a_key_is_issued_for_some_names_and_networks(project: Project) -> None:
    run(
        "issue_key",
        "shop",
        "--aliases=fast,smart",
        "--networks=10.0.0.0/8,2001:db8::/32",
        "--scopes=chat,end_users",
    )

    key = ApiKey.objects.get()
    assert key.aliases == ["fast", "smart"]
    assert key.allowed_networks == ["10.0.0.0/8", "2001:db8::/32"]
    assert key.scopes == ["chat", "end_users"]


def test_keys_of_another_system_are_imported_by_their_digests(
    project: Project, tmp_path: Path
) -> None:
    lower, upper = digest_of("one-key-of-theirs").hex(), digest_of("another").hex()
    file = tmp_path / "keys.txt"
    file.write_text(f"# theirs\n{lower}\n\n{upper.upper()}, the second\n{lower}\n")

    first = run("import_keys", "shop", str(file))
    second = run("import_keys", "shop", str(file))

    assert first == "2 imported for shop, 0 known before.\n"
    assert second == "0 imported for shop, 2 known before.\n"
    keys = {key.name: key for key in ApiKey.objects.all()}
    assert keys.keys() == {"imported", "the second"}
    assert all(key.imported for key in keys.values())
    assert bytes(keys["the second"].digest).hex() == upper
    assert run("revoke_key", keys["the second"].prefix).endswith("is revoked.\n")


def test_a_file_that_holds_a_key_itself_imports_nothing_and_shows_nothing(
    project: Project, tmp_path: Path
) -> None:
    file = tmp_path / "keys.txt"
    file.write_text(f"{digest_of('one').hex()}\nsk-the-key-itself\n")

    with pytest.raises(CommandError, match="Line 2 is no SHA-256") as refused:
        run("import_keys", "shop", str(file))

    assert "sk-the-key" not in str(refused.value)
    assert not ApiKey.objects.exists()


def test_a_key_of_another_project_is_not_imported_again(
    project: Project, tmp_path: Path
) -> None:
    other = Project.objects.create(
        organization=project.organization, slug="other", name="Other"
    )
    ApiKey.known_by_digest(other, "theirs", digest_of("one")).save()
    file = tmp_path / "keys.txt"
    file.write_text(digest_of("one").hex())

    with pytest.raises(CommandError, match="of another project already"):
        run("import_keys", "shop", str(file))


def test_an_unknown_prefix_is_refused() -> None:
    with pytest.raises(CommandError, match="no key of this prefix"):
        run("revoke_key", "sb_unknown")


def test_an_operator_token_is_no_project_key() -> None:
    User.objects.create_superuser("ann")

    text = run("issue_operator_token", "ann", "--expires", "2w").strip()

    token = OperatorToken.objects.get()
    assert text.startswith(f"{OPERATOR_PREFIX}_{token.token_id}_")
    assert bytes(token.digest) == digest_of(text)
    assert key_id_of(text) is None
    assert token.is_active
    token.revoke()
    assert not token.is_active


def test_operator_tokens_are_for_staff_alone() -> None:
    User.objects.create_user("bob")

    with pytest.raises(CommandError, match="has no role here"):
        run("issue_operator_token", "bob")
    with pytest.raises(CommandError, match="There is no user eve"):
        run("issue_operator_token", "eve")


def test_the_first_setup_shows_its_secrets_and_later_ones_do_not() -> None:
    first = json.loads(run("setup_demo"))
    second = json.loads(run("setup_demo"))

    key = ApiKey.objects.get()
    assert first == {
        "admin_user": "admin",
        "admin_created": True,
        "admin_password": first["admin_password"],
        "project": "demo",
        "key": first["key"],
        "key_prefix": key.prefix,
    }
    assert second == {
        "admin_user": "admin",
        "admin_created": False,
        "project": "demo",
        "key_prefix": key.prefix,
    }
    assert User.objects.get().check_password(first["admin_password"])
    assert Limit.objects.filter(project__slug="demo").count() == 3
    assert Project.objects.get().default_alias == "fast"


def test_the_first_password_may_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SIGNALBOX_ADMIN_PASSWORD", "from the environment")

    run("setup_demo")

    assert User.objects.get().check_password("from the environment")


def test_revoking_every_key_does_not_bring_a_new_one() -> None:
    run("setup_demo")
    ApiKey.objects.get().revoke()

    report = json.loads(run("setup_demo"))

    assert "key" not in report
    assert report["key_prefix"] == ""
