from django.apps import AppConfig
from django.db.models.signals import pre_delete


class TenantsConfig(AppConfig):
    name = "tenants"

    def ready(self) -> None:
        # Models cannot be imported before all apps are ready.
        from tenants.context.erasing import before_deletion
        from tenants.models import EndUser

        pre_delete.connect(before_deletion, sender=EndUser)
