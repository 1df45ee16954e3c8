from django.apps import AppConfig


class GatewayConfig(AppConfig):
    name = "gateway"

    def ready(self) -> None:
        # drf-spectacular knows an extension once its module has been imported.
        from gateway.metrics import breakers
        from gateway.openapi import security  # noqa: F401
        from usage.analytics import open_breakers

        open_breakers.provide(breakers.open_breakers)
