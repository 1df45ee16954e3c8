"""A gateway and what lives as long as the process that has it: opened and closed here."""

from django.conf import settings

from gateway.budgets.escrow import Escrow
from gateway.cache.questions import AnswerCache
from gateway.configuration.snapshot import Snapshot
from gateway.idempotency.register import IdempotencyRegister
from gateway.limits.limiter import Limiter
from gateway.metrics.publisher import Publisher
from gateway.resilience.cap_sharing import CapSharing
from gateway.resilience.standings import Standings
from gateway.selection.observation_sharing import ObservationSharing
from gateway.selection.observations import OBSERVATIONS
from gateway.serve import Gateway
from gateway.telemetry.starting import start_telemetry
from gateway.telemetry.telling import stop_telemetry
from gateway.upstream.transport import Transport
from gateway.uses import UseWriter
from usage.shipper import Shipper
from usage.spool import Spool

_SHIP_SECONDS = 5.0


class OpenGateway:
    """Opened, used and closed in one event loop, once."""

    def __init__(self) -> None:
        self.gateway: Gateway | None = None
        self.spool: Spool | None = None
        self.publisher: Publisher | None = None
        self._shipper: Shipper | None = None
        self._sharing: ObservationSharing | None = None
        self._caps: CapSharing | None = None
        self._uses: UseWriter | None = None

    async def open(self) -> Gateway:
        self.spool = spool = Spool.open(settings.SPOOL_DIR)
        snapshot = Snapshot()
        escrow = Escrow(
            spool.directory.name,
            is_away=lambda: snapshot.is_stale,
            is_shipped=lambda: spool.depth().unshipped_bytes == 0,
        )
        self._shipper = Shipper(spool, on_booked=escrow.booked)
        gateway = Gateway(
            snapshot=snapshot,
            limiter=Limiter(settings.REDIS_URL, processes=settings.WEB_WORKERS),
            sink=self.spool,
            transport=Transport(),
            cache=AnswerCache(settings.REDIS_URL, settings.SECRET_KEY),
            idempotency=IdempotencyRegister(settings.SECRET_KEY),
            standings=Standings(settings.TARGET_CONCURRENCY),
            deadline_s=settings.REQUEST_SECONDS,
            escrow=escrow,
            telemetry=start_telemetry(),
        )
        await gateway.snapshot.start()
        escrow.start()
        await gateway.limiter.start()
        await gateway.cache.start()
        await gateway.idempotency.start()
        self._shipper.start()
        self.publisher = Publisher(
            settings.METRICS_DIR, gateway, self.spool, self._shipper
        )
        self.publisher.start()
        self._sharing = ObservationSharing(OBSERVATIONS, gateway.limiter.link)
        self._sharing.start()
        self._caps = CapSharing(gateway.standings.caps, gateway.limiter)
        self._caps.start()
        self._uses = UseWriter()
        self._uses.start()
        self.gateway = gateway
        return gateway

    async def close(self) -> None:
        gateway, shipper = self.gateway, self._shipper
        if self._sharing is not None:
            await self._sharing.stop()
        if self._caps is not None:
            await self._caps.stop()
        if self._uses is not None:
            await self._uses.stop()
        if gateway is not None:
            await gateway.transport.close()
            await gateway.standings.quarantine.stop()
            await gateway.idempotency.stop()
            await gateway.approvals.stop()
            await gateway.captures.stop()
            await gateway.contexts.stop()
            await gateway.cache.stop()
            await gateway.limiter.stop()
            await gateway.snapshot.stop()
        if shipper is not None:
            await shipper.stop(_SHIP_SECONDS)
        if gateway is not None and gateway.escrow is not None and self.spool:
            depth = self.spool.depth()
            await gateway.escrow.stop(
                is_shipped=not (depth.unshipped_bytes or depth.open_intents)
            )
        if self.publisher is not None:
            await self.publisher.stop()
        if self.spool is not None:
            self.spool.close()
        if gateway is not None and gateway.telemetry is not None:
            await stop_telemetry(gateway.telemetry)
