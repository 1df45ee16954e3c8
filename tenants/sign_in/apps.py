from django.contrib.admin.apps import AdminConfig


class SignalboxAdminConfig(AdminConfig):
    default_site = "tenants.sign_in.site.SignalboxAdminSite"
