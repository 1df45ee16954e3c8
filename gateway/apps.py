from django.apps import AppConfig


class GatewayConfig(AppConfig):
    name = "gateway"

    def ready(self) -> None:
        # drf-spectacular knows an extension once its module has been imported.
        # A web process sends its tasks too, by the names under which they are known.
        from gateway import tasks  # noqa: F401
        from gateway.limits import levels
        from gateway.metrics import breakers
        from gateway.openapi import security  # noqa: F401
        from usage.analytics import limit_levels, open_breakers

        open_breakers.provide(breakers.open_breakers)
        limit_levels.provide(levels.limit_levels)
