from django.apps import AppConfig


class GatewayConfig(AppConfig):
    name = "gateway"

    def ready(self) -> None:
        # drf-spectacular knows an extension once its module has been imported.
        from gateway.openapi import security  # noqa: F401
