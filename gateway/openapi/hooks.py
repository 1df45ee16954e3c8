"""What drf-spectacular asks us: which routes to describe, and what to add."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import yaml

Route = tuple[str, str, str, Callable[..., Any]]

_FOLDER = Path(__file__).parent
_OTHER_MOUNTS = ("/openai/", "/anthropic/", "/gemini/")
_CONTROL = "/api/control/"


def each_route_once(endpoints: list[Route]) -> list[Route]:
    """Leave out where the same routes stand a second time: mounts, or without a slash."""
    return [
        route
        for route in endpoints
        if not route[0].startswith(_OTHER_MOUNTS)
        and (not route[0].startswith(_CONTROL) or route[0].endswith("/"))
    ]


def add_what_is_written(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add the schemas, and the routes that are no DRF views, which stand in YAML."""
    result["paths"] |= _written("operations.yaml")
    components = result.setdefault("components", {})
    components.setdefault("schemas", {}).update(_written("components.yaml"))
    components.setdefault("securitySchemes", {})["metricsToken"] = {
        "type": "http",
        "scheme": "bearer",
        "description": "SIGNALBOX_METRICS_TOKEN",
    }
    return result


@cache
def _written(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((_FOLDER / name).read_text("utf-8"))
    return loaded
