"""The ASGI application of a web process, and what lives as long as the process."""

from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings

from config.bodies import CappedBodies
from gateway.analytics.views import PATH as ANALYTICS_PATH
from gateway.asgi import OPEN_GATEWAY, Message, Receive, Scope, Send
from gateway.edge import PREFIXES, Edge
from gateway.feedback.views import PATH as FEEDBACK_PATH
from gateway.health import PATHS as HEALTH_PATHS
from gateway.health import health_reply
from gateway.metrics.endpoint import PATH as METRICS_PATH
from gateway.metrics.endpoint import metrics_reply
from gateway.opening import OpenGateway
from gateway.sending import send_whole
from gateway.serve import Gateway
from usage.spool import Spool
from workflows.urls import PREFIX as WORKFLOWS_PREFIX
from workflows.views.desk import close_desk
from workflows.views.hooks import PREFIX as WORKFLOW_HOOKS_PREFIX
from workflows.views.schema import PATH as WORKFLOW_SCHEMA_PATH

# Among the inference paths, and Django's all the same.
_BESIDE_INFERENCE = frozenset({ANALYTICS_PATH, FEEDBACK_PATH})

DjangoApplication = Callable[[Scope, Receive, Send], Awaitable[Any]]


class Application:
    """Sends each request where it belongs; opens and closes the gateway."""

    def __init__(self, django: DjangoApplication) -> None:
        self._django = CappedBodies(django)
        self._open_gateway = OpenGateway()
        self._edge: Edge | None = None
        self._workflows: Edge | None = None
        self.draining = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        path: str = scope["path"]
        if path in _BESIDE_INFERENCE:
            await self._django(scope, receive, send)
        elif path.startswith(PREFIXES) and self._edge is not None:
            await self._edge(scope, receive, send)
        elif self._is_about_workflows(path) and self._workflows is not None:
            await self._workflows(scope, receive, send)
        elif path in HEALTH_PATHS:
            reply = health_reply(path, self._gateway, draining=self.draining)
            await send_whole(reply, scope, send)
        elif path == METRICS_PATH:
            reply = await metrics_reply(
                scope, self._open_gateway.publisher, settings.METRICS_TOKEN
            )
            await send_whole(reply, scope, send)
        else:
            scope[OPEN_GATEWAY] = self._gateway
            await self._django(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._open()
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.draining = True
        await self._close()
        ended: Message = {"type": "lifespan.shutdown.complete"}
        await send(ended)

    @property
    def _gateway(self) -> Gateway | None:
        return self._open_gateway.gateway

    @property
    def _spool(self) -> Spool | None:
        return self._open_gateway.spool

    async def _open(self) -> None:
        gateway = await self._open_gateway.open()
        self._edge = Edge(gateway)
        self._workflows = Edge(gateway, "workflows.urls")
        await gateway.snapshot.recall_keys()

    def _is_about_workflows(self, path: str) -> bool:
        return (
            path.startswith(WORKFLOWS_PREFIX)
            and path != WORKFLOW_SCHEMA_PATH
            and not path.startswith(WORKFLOW_HOOKS_PREFIX)
        )

    async def _close(self) -> None:
        await close_desk()
        await self._open_gateway.close()
