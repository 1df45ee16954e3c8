"""The examples in the documentation run as they stand there."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from catalog.models import Alias
from tests.gateway.live import wait_until

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "workflow-examples.md"
_BLOCK = re.compile(r"```json\n(.*?)```", re.DOTALL)


def examples() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return each definition with its input, in the order of the page."""
    page = _PAGE.read_text("utf-8")
    blocks = [json.loads(block) for block in _BLOCK.findall(page)]
    return list(zip(blocks[::2], blocks[1::2], strict=True))


def test_there_are_six_examples() -> None:
    assert len(examples()) == 6


@pytest.mark.parametrize("number", range(6))
def test_an_example_runs_as_it_stands(
    number: int, fast: Alias, http: httpx.Client
) -> None:
    definition, given = examples()[number]
    for each, _ in examples():
        kept = http.post("/api/workflows/create", json=each)
        assert kept.status_code == 201, kept.text
    body = {"workflowId": definition["name"], "input": given, "wait": 20}

    found = http.post("/api/workflows/run", json=body, timeout=30).json()
    if found["status"] == "waiting_approval":
        address = f"/api/workflows/runs/{found['runId']}"
        http.post(f"{address}/approve", json={"userId": "editor"})
        wait_until(lambda: http.get(address).json()["endedAt"] is not None)
        found = http.get(address).json()

    assert found["status"] == "completed", found
    assert found["totalCostUSD"] > 0
    last = found["steps"][-1]
    assert last["status"] in {"completed", "skipped"}
