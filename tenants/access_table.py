"""Who may see and who may change the rows of each model.

One table, by the label of the model: the roles that it takes, and how to get from a row
to the organization whose row it is. A model that does not stand here is seen by nobody.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tenants.models import Role


@dataclass(frozen=True, slots=True)
class Access:
    """What it takes to see and to change the rows of a model.

    `of` leads from a row to the organization whose row it is. What belongs to none is
    changed with a role in the whole installation alone, and seen with one alone unless it
    `is_shared`.
    """

    view: Role
    change: Role
    of: tuple[str, ...] = ()
    # Organizations that see the row besides, and may not change it.
    seen_through: tuple[str, ...] = ()
    is_shared: bool = False
    # The person whose own row it is, whatever their role.
    own: str = ""
    # Only the installation adds such rows and deletes them.
    is_given: bool = False
    # Columns that only the installation may set: they reach beyond the organization.
    reserved: frozenset[str] = frozenset()
    # Columns that only those see who may change the row.
    confidential: frozenset[str] = frozenset()


_PROJECT = "project__organization_id"
_PROVIDER = f"provider__{_PROJECT}"


def _configuration(
    *of: str, shared: bool = False, reserved: str = "", confidential: str = ""
) -> Access:
    return Access(
        Role.READ_ONLY,
        Role.OPERATOR,
        of,
        is_shared=shared,
        reserved=frozenset(reserved.split()),
        confidential=frozenset(confidential.split()),
    )


def _usage(*of: str) -> Access:
    return Access(Role.ANALYST, Role.OPERATOR, of)


_SCHEDULE = Access(Role.OPERATOR, Role.OWNER)

ACCESS: Mapping[str, Access] = {
    "tenants.organization": Access(
        Role.READ_ONLY,
        Role.OPERATOR,
        ("id",),
        is_given=True,
        reserved=frozenset({"slug", "active"}),
    ),
    "tenants.project": _configuration("organization_id"),
    "tenants.apikey": _configuration(_PROJECT),
    "tenants.enduser": _configuration(_PROJECT),
    "tenants.limit": _configuration(_PROJECT),
    "tenants.contextscope": _configuration(_PROJECT),
    # What is known of people is for those who answer for it alone.
    "tenants.contextentry": Access(Role.OWNER, Role.OWNER, (_PROJECT,)),
    "tenants.contextview": Access(Role.OWNER, Role.OWNER, (_PROJECT,)),
    "tenants.erasure": _usage(_PROJECT),
    "tenants.budget": _configuration("organization_id", _PROJECT),
    "tenants.approval": _usage(_PROJECT),
    "tenants.membership": Access(Role.OWNER, Role.OWNER, ("organization_id",)),
    "tenants.operatortoken": Access(Role.OWNER, Role.OWNER, own="user_id"),
    # Private addresses are in the installation's own network; headers may hold secrets.
    "catalog.provider": _configuration(
        _PROJECT,
        shared=True,
        reserved="allow_private_addresses",
        confidential="headers add_params",
    ),
    "catalog.customendpoint": _configuration(
        _PROJECT, reserved="allow_private_addresses"
    ),
    "catalog.endpoint": _configuration(_PROVIDER, shared=True),
    # Who adds models and prices to a provider decides what it costs: its owner.
    "catalog.aimodel": Access(
        Role.READ_ONLY,
        Role.OPERATOR,
        (_PROVIDER,),
        seen_through=(_PROJECT,),
        is_shared=True,
    ),
    "catalog.price": Access(
        Role.READ_ONLY,
        Role.OPERATOR,
        (f"model__{_PROVIDER}",),
        seen_through=(f"model__{_PROJECT}",),
        is_shared=True,
    ),
    "catalog.alias": _configuration(_PROJECT, shared=True),
    "catalog.aliastarget": _configuration(f"alias__{_PROJECT}", shared=True),
    # A variable of the environment is a secret of the installation.
    "catalog.credential": _configuration(_PROJECT, reserved="env_name"),
    "catalog.providercheck": _configuration(_PROVIDER, shared=True),
    "usage.usageevent": _usage("organization_id"),
    "usage.hourlyusage": _usage("organization_id"),
    "usage.dailyusage": _usage("organization_id"),
    "usage.cacheentry": _usage(_PROJECT),
    "usage.feedback": _usage(_PROJECT),
    "usage.idempotentanswer": _usage(_PROJECT),
    "usage.budgetwindow": _usage("budget__organization_id", f"budget__{_PROJECT}"),
    # What people said is for those who answer for it alone.
    "usage.capturedtext": Access(Role.OWNER, Role.OWNER, (_PROJECT,)),
    "usage.captureview": Access(Role.OWNER, Role.OWNER, (_PROJECT,)),
    "usage.notificationchannel": _configuration("organization_id", _PROJECT),
    "usage.notification": _usage("organization_id", _PROJECT),
    "usage.reportdefinition": _usage("organization_id", _PROJECT),
    "usage.reportrun": _usage("organization_id", _PROJECT),
    # Those of the installation are about everybody's usage, so everybody sees them.
    "usage.alertrule": _configuration("organization_id", _PROJECT, shared=True),
    "usage.alertsilence": _usage("organization_id", _PROJECT),
    "usage.alert": _usage("organization_id", _PROJECT),
    "usage.priceproposal": Access(Role.OPERATOR, Role.OPERATOR),
    "usage.rerating": Access(Role.OPERATOR, Role.OPERATOR),
    "workflows.workflow": _configuration(_PROJECT),
    "workflows.workflowversion": _configuration(_PROJECT),
    "workflows.workflowschedule": _configuration(_PROJECT),
    "workflows.incomingwebhook": _configuration(_PROJECT),
    "workflows.workflowrun": _usage(_PROJECT),
    "workflows.steprun": _usage(_PROJECT),
    "workflows.stepapproval": _usage(_PROJECT),
    "pghistory.events": Access(Role.OPERATOR, Role.OWNER),
    "tenants.configchange": Access(Role.OPERATOR, Role.OPERATOR),
    "auth.user": Access(Role.OWNER, Role.OWNER),
    "django_celery_beat.periodictask": _SCHEDULE,
    "django_celery_beat.crontabschedule": _SCHEDULE,
    "django_celery_beat.intervalschedule": _SCHEDULE,
}
