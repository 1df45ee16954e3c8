"""The routes of the control API. A final slash may be left out."""

from typing import Any

from django.urls import URLPattern, URLResolver, include, path, re_path
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.routers import SimpleRouter
from rest_framework.viewsets import ViewSetMixin

from gateway.control.aimodels import AIModelViewSet
from gateway.control.alert_rules import AlertRuleViewSet
from gateway.control.alert_silences import AlertSilenceViewSet
from gateway.control.alerts import AlertViewSet
from gateway.control.aliases import AliasViewSet
from gateway.control.analytics import AnalyticsViewSet
from gateway.control.approvals import ApprovalViewSet
from gateway.control.audit import AuditViewSet
from gateway.control.budgets import BudgetViewSet
from gateway.control.bundle import BundleViewSet
from gateway.control.captures import CapturesViewSet
from gateway.control.context_scopes import ContextScopeViewSet
from gateway.control.credentials import CredentialViewSet
from gateway.control.custom_endpoints import CustomEndpointViewSet
from gateway.control.end_users import EndUserViewSet
from gateway.control.endpoints import EndpointViewSet
from gateway.control.keys import ApiKeyViewSet
from gateway.control.limits import LimitViewSet
from gateway.control.me import MeViewSet
from gateway.control.memberships import MembershipViewSet
from gateway.control.organizations import OrganizationViewSet
from gateway.control.prices import PriceViewSet
from gateway.control.projects import ProjectViewSet
from gateway.control.providers import ProviderViewSet
from gateway.control.report_definitions import ReportDefinitionViewSet
from gateway.control.report_runs import ReportRunViewSet
from gateway.control.usage import DailyViewSet, HourlyViewSet, UsageViewSet
from gateway.control.versions import VersionViewSet
from gateway.control.viewsets import ControlView

RESOURCES: dict[str, type[ViewSetMixin]] = {
    "organizations": OrganizationViewSet,
    "projects": ProjectViewSet,
    "keys": ApiKeyViewSet,
    "end-users": EndUserViewSet,
    "context-scopes": ContextScopeViewSet,
    "limits": LimitViewSet,
    "budgets": BudgetViewSet,
    "memberships": MembershipViewSet,
    "approvals": ApprovalViewSet,
    "providers": ProviderViewSet,
    "endpoints": EndpointViewSet,
    "models": AIModelViewSet,
    "prices": PriceViewSet,
    "aliases": AliasViewSet,
    "credentials": CredentialViewSet,
    "custom-endpoints": CustomEndpointViewSet,
    "report-definitions": ReportDefinitionViewSet,
    "report-runs": ReportRunViewSet,
    "alert-rules": AlertRuleViewSet,
    "alert-silences": AlertSilenceViewSet,
    "alerts": AlertViewSet,
    "usage/hourly": HourlyViewSet,
    "usage/daily": DailyViewSet,
    "usage": UsageViewSet,
    "bundle": BundleViewSet,
    "versions": VersionViewSet,
    "captured-texts": CapturesViewSet,
}
SINGLE: dict[str, tuple[type[ViewSetMixin], str]] = {
    "audit": (AuditViewSet, "search"),
    "audit/export": (AuditViewSet, "export"),
    "usage/analytics": (AnalyticsViewSet, "sum_up"),
    "me": (MeViewSet, "show"),
}


class NoRoute(ControlView):
    """Whatever else is asked for below the path of the control API."""

    schema = None  # type: ignore[assignment]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise NotFound


def _routes(*, slash: bool) -> list[URLPattern | URLResolver]:
    router = SimpleRouter(trailing_slash=slash)
    for prefix, viewset in RESOURCES.items():
        router.register(prefix, viewset, basename=f"control-{prefix.replace('/', '-')}")
    end = "/" if slash else ""
    single = [
        path(
            f"{name}{end}",
            viewset.as_view({"get": method}),
            name=f"control-{name.replace('/', '-')}",
        )
        for name, (viewset, method) in SINGLE.items()
    ]
    return [*router.urls, *single]


urlpatterns: list[URLPattern | URLResolver] = [
    *_routes(slash=True),
    # By another namespace, for `reverse` is to find the routes with a slash.
    path("", include((_routes(slash=False), "control-bare"))),
    re_path(r"^.*$", NoRoute.as_view()),
]
