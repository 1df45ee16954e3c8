"""What stands in the way of deleting a row, as a short list with links."""

from django.contrib.admin import AdminSite
from django.db import models
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.text import capfirst

from tenants.roles import Reach
from tenants.used_by import Rows, users_of


def used_by(rows: Rows, site: AdminSite, reach: Reach) -> list[str]:
    """Return links to what protects the rows; of each kind the first few."""
    lines: list[str] = []
    for users, more in users_of(rows, reach):
        lines += [link_to(user, site) for user in users]
        if more:
            lines.append(more)
    return lines


def link_to(row: models.Model, site: AdminSite) -> str:
    """Return the row's kind and name, as a link where the site has a page for it."""
    meta = row._meta
    kind = capfirst(str(meta.verbose_name))
    try:
        url = reverse(
            f"{site.name}:{meta.app_label}_{meta.model_name}_change", args=[row.pk]
        )
    except NoReverseMatch:
        return f"{kind}: {row}"
    return format_html('{}: <a class="sb-link" href="{}">{}</a>', kind, url, row)
