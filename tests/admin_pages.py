"""Pages of the admin as a browser sees them: what a form would send, what it says."""

import html
import re
from html.parser import HTMLParser
from typing import Any

from django.http import HttpResponse
from django.test import Client


class _Fields(HTMLParser):
    """Collects the fields of the page's main form, as a browser would send them."""

    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.form_id = form_id
        self.values: dict[str, Any] = {}
        self._inside = False
        self._select = self._textarea = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self._inside = given.get("id") == self.form_id
        name = given.get("name") or ""
        if not self._inside:
            return
        if tag == "select":
            self._select = name
        elif tag == "textarea":
            self._textarea = name
            self.values[name] = ""
        elif tag == "option" and "selected" in given and self._select:
            self.values[self._select] = given.get("value") or ""
        elif tag == "input" and name:
            self._take_input(name, given)

    def _take_input(self, name: str, given: dict[str, str | None]) -> None:
        if given.get("type") == "checkbox":
            if "checked" in given:
                self.values.setdefault(name, []).append(given.get("value") or "on")
        elif given.get("type") != "submit":
            self.values[name] = given.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._textarea = ""

    def handle_data(self, data: str) -> None:
        if self._textarea:
            self.values[self._textarea] += data


def form_of(client: Client, url: str) -> dict[str, Any]:
    """Return what the form of an admin page would send if nothing were changed."""
    response = client.get(url)
    assert response.status_code == 200, response.status_code
    model_name = response.context["opts"].model_name
    fields = _Fields(f"{model_name}_form")
    fields.feed(response.content.decode())
    return {
        name: value for name, value in fields.values.items() if "__prefix__" not in name
    }


def save(client: Client, url: str, changes: dict[str, Any]) -> HttpResponse:
    """Change some fields of the form there and send it; None leaves one out."""
    data = {**form_of(client, url), **changes}
    sent = {name: value for name, value in data.items() if value is not None}
    response: Any = client.post(url, sent)
    return response  # type: ignore[no-any-return]


def text_of(response: Any) -> str:
    """Return the words of a page, without its tags."""
    page = re.sub(
        r"<(script|style)\b.*?</\1>", " ", response.content.decode(), flags=re.S
    )
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def saved(response: Any) -> bool:
    return bool(response.status_code == 302)
