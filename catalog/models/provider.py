from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from catalog.protocols import WireProtocol
from tenants.audit import audited
from tenants.models import Project
from tenants.models.project import ProjectScopedQuerySet
from tenants.versioning import announces_changes

_AUTH = re.compile(
    r"bearer|none|aws_sigv4|oauth_service_account|(header|query):[A-Za-z0-9_-]+"
)
_HEALTH_CHECK = re.compile(r"(https://[A-Za-z0-9.:-]+)?/[!-~]*")
_AUTH_KINDS = (
    "bearer, header:<name>, query:<name>, aws_sigv4, oauth_service_account or none"
)


def wire_protocol_choices() -> list[tuple[str, str]]:
    return list(WireProtocol.choices)


def check_auth(value: str) -> None:
    if not _AUTH.fullmatch(value):
        msg = f"Use {_AUTH_KINDS}."
        raise ValidationError(msg)


def check_base_url(value: str) -> None:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        msg = "A base URL looks like https://api.example.com."
        raise ValidationError(msg)
    if parts.query or parts.fragment or parts.username:
        msg = "A base URL holds no credentials, query or fragment."
        raise ValidationError(msg)


def check_headers(value: Any) -> None:
    if not isinstance(value, dict) or not all(
        isinstance(k, str)
        and re.fullmatch(r"[A-Za-z0-9-]+", k)
        and isinstance(v, str)
        and re.fullmatch(r"[\x20-\x7e]*", v)
        for k, v in value.items()
    ):
        msg = "Headers are an object of names and printable text values."
        raise ValidationError(msg)


def check_string_list(value: Any) -> None:
    if not isinstance(value, list) or not all(isinstance(v, str) and v for v in value):
        msg = 'This is a list of names, e.g. ["logit_bias"].'
        raise ValidationError(msg)


def check_string_map(value: Any) -> None:
    if not isinstance(value, dict) or not all(
        isinstance(v, str) and v for v in value.values()
    ):
        msg = 'This is an object of old and new names, e.g. {"user": "user_id"}.'
        raise ValidationError(msg)


def check_params(value: Any) -> None:
    if not isinstance(value, dict) or not all(value):
        msg = 'This is an object of parameters, e.g. {"safe_prompt": true}.'
        raise ValidationError(msg)


def check_health_check(value: str) -> None:
    if value and value != "none" and not _HEALTH_CHECK.fullmatch(value):
        msg = "This is a path like /v1/models, an https address, or none."
        raise ValidationError(msg)


@audited()
class Provider(models.Model):
    """A service that runs models: where it is and which protocol it speaks."""

    slug = models.SlugField(max_length=63, unique=True)
    name = models.CharField(max_length=200)
    project = models.ForeignKey(
        Project,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="providers",
        help_text="Only for this project, with all its models; empty: for all.",
    )
    base_url = models.CharField(
        max_length=500,
        validators=[check_base_url],
        help_text="Without the version path, e.g. https://api.example.com.",
    )
    handler = models.CharField(
        max_length=40,
        choices=wire_protocol_choices,
        help_text="The wire protocol of endpoints that name none.",
    )
    auth = models.CharField(
        max_length=80,
        default="bearer",
        validators=[check_auth],
        help_text=f"{_AUTH_KINDS}.",
    )
    region = models.CharField(
        max_length=32, blank=True, help_text="Where data is processed: eu, us, …"
    )
    active = models.BooleanField(default=True)
    allow_private_addresses = models.BooleanField(
        default=False,
        help_text="Let the base URL lead to loopback or private networks (Ollama, vLLM).",
    )
    headers = models.JSONField(
        default=dict,
        blank=True,
        validators=[check_headers],
        help_text="Sent with every request.",
    )
    drop_params = models.JSONField(
        default=list,
        blank=True,
        validators=[check_string_list],
        help_text="Parameters that it does not take.",
    )
    rename_params = models.JSONField(
        default=dict,
        blank=True,
        validators=[check_string_map],
        help_text='Parameters that it calls otherwise, {"ours": "theirs"}.',
    )
    add_params = models.JSONField(
        default=dict,
        db_default={},
        blank=True,
        validators=[check_params],
        help_text="Parameters that every request gets which does not give them.",
    )
    reports_cost = models.BooleanField(
        default=False,
        db_default=False,
        help_text="It says what each answer cost, and that is what counts.",
    )
    health_check = models.CharField(
        max_length=500,
        blank=True,
        default="",
        db_default="",
        validators=[check_health_check],
        help_text=(
            "Path, or https address, of a free GET request that shows whether it "
            "answers. Empty: its list of models; none: never asked."
        ),
    )
    connect_timeout_s = models.FloatField(
        default=5, validators=[MinValueValidator(0.1)]
    )
    first_byte_timeout_s = models.FloatField(
        default=60, validators=[MinValueValidator(0.1)]
    )
    idle_timeout_s = models.FloatField(default=60, validators=[MinValueValidator(0.1)])
    total_timeout_s = models.FloatField(
        default=600, validators=[MinValueValidator(0.1)]
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ProjectScopedQuerySet.as_manager()

    class Meta:
        ordering = ["slug"]
        triggers = announces_changes("r.project_id", is_catalog=True)
        constraints = [
            models.CheckConstraint(
                condition=Q(connect_timeout_s__gt=0)
                & Q(first_byte_timeout_s__gt=0)
                & Q(idle_timeout_s__gt=0)
                & Q(total_timeout_s__gt=0),
                name="provider_timeouts_positive",
                violation_error_message="Timeouts are seconds above zero.",
            ),
            models.CheckConstraint(
                condition=Q(base_url__regex=r"^https?://[^/]"),
                name="provider_base_url_is_http",
                violation_error_message="A base URL starts with http:// or https://.",
            ),
        ]

    def __str__(self) -> str:
        return self.slug

    def clean(self) -> None:
        if self._state.adding or self.project is None:
            return
        others = self.models.filter(project__isnull=False)
        if other := others.exclude(project=self.project).first():
            msg = f"{other} is for {other.project} alone; a provider has one owner."
            raise ValidationError({"project": msg})
