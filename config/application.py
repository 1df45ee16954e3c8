"""The ASGI application of a web process, and what lives as long as the process."""

from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings

from gateway.asgi import Message, Receive, Scope, Send
from gateway.cache.questions import AnswerCache
from gateway.configuration.snapshot import Snapshot
from gateway.edge import PREFIXES, Edge
from gateway.health import PATHS as HEALTH_PATHS
from gateway.health import health_reply
from gateway.limits.limiter import Limiter
from gateway.metrics.endpoint import PATH as METRICS_PATH
from gateway.metrics.endpoint import metrics_reply
from gateway.metrics.publisher import Publisher
from gateway.resilience.standings import Standings
from gateway.selection.observation_sharing import ObservationSharing
from gateway.selection.observations import OBSERVATIONS
from gateway.sending import send_whole
from gateway.serve import Gateway
from gateway.upstream.transport import Transport
from usage.shipper import Shipper
from usage.spool import Spool

DjangoApplication = Callable[[Scope, Receive, Send], Awaitable[Any]]

_SHIP_SECONDS = 5.0


class Application:
    """Sends each request where it belongs; opens and closes the gateway."""

    def __init__(self, django: DjangoApplication) -> None:
        self._django = django
        self._gateway: Gateway | None = None
        self._edge: Edge | None = None
        self._shipper: Shipper | None = None
        self._spool: Spool | None = None
        self._publisher: Publisher | None = None
        self._sharing: ObservationSharing | None = None
        self.draining = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        path: str = scope["path"]
        if path.startswith(PREFIXES) and self._edge is not None:
            await self._edge(scope, receive, send)
        elif path in HEALTH_PATHS:
            reply = health_reply(path, self._gateway, draining=self.draining)
            await send_whole(reply, scope, send)
        elif path == METRICS_PATH:
            reply = await metrics_reply(scope, self._publisher, settings.METRICS_TOKEN)
            await send_whole(reply, scope, send)
        else:
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

    async def _open(self) -> None:
        self._spool = Spool.open(settings.SPOOL_DIR)
        self._shipper = Shipper(self._spool)
        gateway = Gateway(
            snapshot=Snapshot(),
            limiter=Limiter(settings.REDIS_URL, processes=settings.WEB_WORKERS),
            sink=self._spool,
            transport=Transport(),
            cache=AnswerCache(settings.REDIS_URL, settings.SECRET_KEY),
            standings=Standings(settings.TARGET_CONCURRENCY),
            deadline_s=settings.REQUEST_SECONDS,
        )
        await gateway.snapshot.start()
        await gateway.limiter.start()
        await gateway.cache.start()
        self._shipper.start()
        self._publisher = Publisher(
            settings.METRICS_DIR, gateway, self._spool, self._shipper
        )
        self._publisher.start()
        self._sharing = ObservationSharing(OBSERVATIONS, gateway.limiter.link)
        self._sharing.start()
        self._gateway = gateway
        self._edge = Edge(gateway)

    async def _close(self) -> None:
        gateway, shipper, spool = self._gateway, self._shipper, self._spool
        if self._sharing is not None:
            await self._sharing.stop()
        if gateway is not None:
            await gateway.transport.close()
            await gateway.standings.quarantine.stop()
            await gateway.cache.stop()
            await gateway.limiter.stop()
            await gateway.snapshot.stop()
        if shipper is not None:
            await shipper.stop(_SHIP_SECONDS)
        if self._publisher is not None:
            await self._publisher.stop()
        if spool is not None:
            spool.close()
