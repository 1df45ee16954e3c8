from django.urls import path

from gateway.end_users.views import (
    EndUserBudgetsView,
    EndUserCredentialView,
    EndUserLimitsView,
    EndUsersView,
    EndUserView,
)

_USERS = "api/end-users"
_USER = f"{_USERS}/<path:external_id>"

urlpatterns = [
    path(_USERS, EndUsersView.as_view()),
    path(f"{_USER}/credential", EndUserCredentialView.as_view()),
    path(f"{_USER}/limits", EndUserLimitsView.as_view()),
    path(f"{_USER}/budgets", EndUserBudgetsView.as_view()),
    path(_USER, EndUserView.as_view()),
]
