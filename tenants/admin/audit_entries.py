"""Entries of the audit as the pages of the admin show them."""

from typing import Any

from django.contrib.admin import AdminSite
from django.urls import NoReverseMatch, reverse

from tenants.audit_entries import Entry


def shown_entries(entries: list[Entry], site: AdminSite) -> list[dict[str, Any]]:
    """Return audit entries for a page, each with its colour and the row's address."""
    colours = {"insert": "success", "update": "info", "delete": "danger"}
    return [
        {
            "entry": entry,
            "colour": colours.get(entry.action, ""),
            "url": "" if entry.action == "delete" else _address_of(entry, site),
        }
        for entry in entries
    ]


def _address_of(entry: Entry, site: AdminSite) -> str:
    meta = entry.model._meta
    try:
        return reverse(
            f"{site.name}:{meta.app_label}_{meta.model_name}_change",
            args=[entry.object_id],
        )
    except NoReverseMatch:
        return ""
