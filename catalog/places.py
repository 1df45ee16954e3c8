"""Where those providers are that every customer has at an address of their own.

The catalog cannot know these addresses; the environment may.
"""

import json
import logging
import os
import re
from typing import Any

from django.core.exceptions import ValidationError

from catalog.models.provider import check_base_url

logger = logging.getLogger(__name__)

_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}")
_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,61}[a-z0-9]")
_LOCATION = re.compile(r"[a-z]+(-[a-z]+[0-9]+)?")
_GLOBAL = "global"
_AZURE_PATHS = ("/openai/v1", "/openai")

Values = dict[str, Any]


def places() -> dict[str, Values]:
    """Return, by provider, what the environment says about it."""
    found = {
        "azure": _azure(),
        "bedrock": _bedrock(),
        "vertex": _vertex(),
        "vertex-anthropic": _vertex(),
    }
    return {slug: values for slug, values in found.items() if values}


def _azure() -> Values:
    endpoint = os.environ.get("AZURE_OPENAI_ENDPOINT", "").rstrip("/")
    if not endpoint:
        return {}
    for path in _AZURE_PATHS:
        endpoint = endpoint.removesuffix(path)
    try:
        check_base_url(endpoint)
    except ValidationError:
        logger.warning("AZURE_OPENAI_ENDPOINT is no address; it is ignored")
        return {}
    return {"base_url": endpoint, "active": True}


def _bedrock() -> Values:
    values: Values = {}
    names = ("AWS_REGION", "AWS_DEFAULT_REGION")
    region = next((os.environ[name] for name in names if os.environ.get(name)), "")
    if _REGION.fullmatch(region):
        values["base_url"] = f"https://bedrock-runtime.{region}.amazonaws.com"
    if os.environ.get("AWS_BEARER_TOKEN_BEDROCK"):
        # A key of Bedrock itself goes before those that sign.
        values |= {"auth": "bearer", "credential": "env:AWS_BEARER_TOKEN_BEDROCK"}
    return values


def _vertex() -> Values:
    """The key file of a service account says to which project it belongs."""
    try:
        account = json.loads(os.environ.get("VERTEX_SERVICE_ACCOUNT_JSON", ""))
        project = str(account["project_id"])
    except (ValueError, TypeError, KeyError):
        return {}
    if not _PROJECT.fullmatch(project):
        return {}
    location = os.environ.get("VERTEX_LOCATION") or _GLOBAL
    if not _LOCATION.fullmatch(location):
        logger.warning("VERTEX_LOCATION is no location; it is ignored")
        location = _GLOBAL
    path = f"/v1/projects/{project}/locations/{location}"
    return {"base_url": f"https://{_vertex_host(location)}{path}", "active": True}


def _vertex_host(location: str) -> str:
    if location == _GLOBAL:
        return "aiplatform.googleapis.com"
    if "-" not in location:
        # Several regions together, such as us and eu.
        return f"aiplatform.{location}.rep.googleapis.com"
    return f"{location}-aiplatform.googleapis.com"
