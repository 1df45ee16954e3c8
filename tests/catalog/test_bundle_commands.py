import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from catalog.models import Provider
from tests.catalog.bundles import EXAMPLE

pytestmark = pytest.mark.django_db


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "signalbox.yaml"
    path.write_text(EXAMPLE, encoding="utf-8")
    return str(path)


def run(*args: Any) -> tuple[str, str, int]:
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(*args, stdout=out, stderr=err)
    except SystemExit as end:
        return out.getvalue(), err.getvalue(), int(end.code or 0)
    return out.getvalue(), err.getvalue(), 0


def test_plan_shows_changes_and_ends_with_two(file: str) -> None:
    out, err, code = run("plan", file)

    assert code == 2
    assert "+ provider acme\n    name: Acme AI\n" in out
    assert out.endswith("14 created, 0 changed, 0 removed, 0 unchanged\n")
    assert "note: projects[0].task_routes.code: no alias smart" in err
    assert not Provider.objects.exists()


def test_plan_after_apply_ends_with_zero(file: str) -> None:
    run("apply", file)

    out, _, code = run("plan", file)

    assert code == 0
    assert out == "0 created, 0 changed, 0 removed, 13 unchanged\n"


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_mistakes_are_listed_line_by_line(command: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("providers: [{slug: a}]\nfoo: 1\n", encoding="utf-8")

    with pytest.raises(CommandError) as failed:
        run(command, str(path))

    assert failed.value.returncode == 1
    first, second, third = str(failed.value).splitlines()[1:]
    assert first == "providers[0].base_url: is missing"
    assert second == "providers[0].handler: is missing"
    assert third.startswith("foo: unknown section; there is aliases, credentials")


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(CommandError, match=r"/nowhere.yaml cannot be read"):
        run("apply", "/nowhere.yaml")


def test_a_bundle_may_come_from_standard_input(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(EXAMPLE.encode())))

    run("apply", "-")

    assert Provider.objects.filter(slug="acme").exists()


def test_what_export_prints_applies_again(file: str, tmp_path: Path) -> None:
    run("apply", file)
    out, err, _ = run("export")
    path = tmp_path / "exported.yaml"
    path.write_text(out, encoding="utf-8")

    _, _, code = run("plan", str(path), "--prune")

    assert code == 0
    assert err == ""


def test_the_export_of_nothing_is_an_empty_bundle(tmp_path: Path) -> None:
    out, _, _ = run("export")

    path = tmp_path / "empty.yaml"
    path.write_text(out, encoding="utf-8")
    assert run("plan", str(path))[2] == 0
