"""What the documents say can be followed: links, commands, variables, snippets."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands

from catalog.bundle import load_document, plan_bundle
from config.embedded import CHECKOUT
from gateway.metrics.exposition import COUNTERS, GAUGES, TIMINGS
from gateway.openapi.refusals import REFUSALS

FOLDERS = ("", "docs", "docs/decisions", "requirements", "catalog", "gateway")
PAGES = sorted(page for folder in FOLDERS for page in (CHECKOUT / folder).glob("*.md"))
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
TARGET = re.compile(r"^([a-z-]+):", re.MULTILINE)
VARIABLE = re.compile(r"\b((?:SIGNALBOX|ORCHESTRATOR)_[A-Z_]+[A-Z])\b")


def name_of(page: Path) -> str:
    return str(page.relative_to(CHECKOUT))


def blocks(page: Path, *languages: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return [body for _, language, body in BLOCK.findall(text) if language in languages]


def commands(page: Path) -> list[str]:
    """Return what a reader would type: inline code, and the lines of shell snippets."""
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    shell = "\n".join(blocks(page, "sh", "console")).splitlines()
    return CODE.findall(text) + shell


def anchor_of(heading: str) -> str:
    kept = re.sub(r"[^\w\- ]", "", heading.lower())
    return kept.replace(" ", "-")


def words_after(page: Path, start: str) -> set[str]:
    pattern = re.compile(rf"(?<!\w){re.escape(start)} ([a-z][\w.-]*)")
    return {word for line in commands(page) for word in pattern.findall(line)}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    broken = []
    for link in LINK.findall(text):
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists():
            broken.append(link)
        elif anchor:
            headings = HEADING.findall(target.read_text(encoding="utf-8"))
            if anchor not in map(anchor_of, headings):
                broken.append(link)

    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_exists(page: Path) -> None:
    targets = set(TARGET.findall((CHECKOUT / "Makefile").read_text()))
    modules = words_after(page, "python -m") - {"venv", "pip"}

    assert words_after(page, "make") <= targets
    assert words_after(page, "manage.py") <= set(get_commands())
    assert [name for name in modules if importlib.util.find_spec(name) is None] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_variable_of_ours_is_in_the_example(page: Path) -> None:
    example = (CHECKOUT / ".env.example").read_text(encoding="utf-8")
    named = set(VARIABLE.findall(page.read_text(encoding="utf-8")))

    # The reader's own, in the first calls.
    assert named - set(VARIABLE.findall(example)) <= {"SIGNALBOX_KEY", "SIGNALBOX_URL"}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_snippets_can_be_read(page: Path) -> None:
    for snippet in blocks(page, "python"):
        compile(snippet, name_of(page), "exec")
    for snippet in blocks(page, "yaml"):
        yaml.safe_load(snippet)
    for snippet in blocks(page, "sh"):
        shlex.split(snippet, comments=True)


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["README.md", "docs/configuration.md"])
def test_a_bundle_that_is_shown_can_be_applied(name: str) -> None:
    shown = [text for text in blocks(CHECKOUT / name, "yaml") if "providers:" in text]

    assert shown
    for text in shown:
        assert plan_bundle(load_document(text)).changes


def test_the_metrics_that_are_listed_are_the_metrics_that_there_are() -> None:
    section = (CHECKOUT / "docs/operations.md").read_text().split("## Metrics")[1]
    rows = [line for line in section.split("\n## ")[0].splitlines() if "|" in line]
    listed = set(re.findall(r"`(?:signalbox|…)_(\w+?)(?:_total)?[`{]", "\n".join(rows)))

    assert listed == {*COUNTERS, *TIMINGS, *GAUGES}


def test_every_error_code_is_listed() -> None:
    text = (CHECKOUT / "docs/api.md").read_text().split("## Errors")[1]

    for status, (_, codes) in REFUSALS.items():
        row = next(line for line in text.splitlines() if line.startswith(f"| {status}"))
        assert set(codes.split()) <= set(CODE.findall(row))


def test_every_decision_is_listed() -> None:
    folder = CHECKOUT / "docs/decisions"
    listed = set(LINK.findall((folder / "README.md").read_text()))

    assert {page.name for page in folder.glob("0*.md")} == listed
