"""How all targets are doing that this process has asked."""

from collections.abc import Iterator

from gateway.attempts import Attempt
from gateway.candidates import Candidate
from gateway.resilience.caps import CapBook
from gateway.resilience.quarantine import CredentialState, Quarantine
from gateway.resilience.standing import Readiness, Running, Standing, Totals
from gateway.upstream.errors import UpstreamError

CONCURRENCY = 500

_MAX_STANDINGS = 5_000


class Standings:
    """Those of all targets that this process has asked."""

    def __init__(self, concurrency: int = CONCURRENCY) -> None:
        self.concurrency = concurrency
        self.quarantine = Quarantine()
        self.caps = CapBook()
        # By the provider's slug.
        self.totals: dict[str, Totals] = {}
        self._standings: dict[tuple[int, int, int], Standing] = {}
        self._credentials: dict[int, CredentialState] = {}

    def of(self, candidate: Candidate) -> Standing:
        credential = candidate.credential
        key = (
            candidate.model.id,
            candidate.endpoint.id,
            0 if credential is None else credential.id,
        )
        standing = self._standings.get(key)
        return self._new(key, candidate) if standing is None else standing

    def is_ready(self, candidate: Candidate) -> bool:
        """Say whether nothing at all is against asking this target."""
        standing, credential = self.of(candidate), candidate.credential
        return (
            standing.is_clear
            and standing.credential.is_clear
            and standing.running < self.concurrency
            and (credential is None or credential.caps is None)
        )

    def readiness(self, candidate: Candidate, now: float, tokens: int = 0) -> Readiness:
        standing = self.of(candidate)
        if standing.running >= self.concurrency:
            return "not now"
        readiness = standing.readiness(now, candidate.credential)
        caps = self.caps.of(candidate.credential)
        if caps is None or readiness == "not now":
            return readiness
        if caps.wait(now, tokens) > 0:
            return "not now"
        return "last" if caps.is_scarce(now) else readiness

    def why_not(
        self, candidate: Candidate, now: float, tokens: int = 0
    ) -> UpstreamError:
        """Return what to say of a target that is not to be asked now."""
        caps = self.caps.of(candidate.credential)
        wait_s = 0.0 if caps is None else caps.wait(now, tokens)
        return self.of(candidate).why_not(now, wait_s)

    def begin(
        self,
        candidate: Candidate,
        attempt: Attempt,
        now: float,
        tokens: int,
        *,
        is_retry: bool = False,
    ) -> Running:
        """Count an attempt of about so many tokens, sent and received."""
        running = self.of(candidate).begin(now, is_retry=is_retry)
        credential = candidate.credential
        if credential is not None and credential.caps is not None:
            caps = self.caps.of(credential)
            running.hold = None if caps is None else caps.begin(now, tokens, attempt)
        return running

    def end_failed(self, running: Running, error: UpstreamError, provider: str) -> None:
        """End an attempt that failed; its credential may go into quarantine for it."""
        if running.failed(error):
            self.quarantine.put(
                running.standing.credential, provider, error.upstream_code or error.code
            )

    def __iter__(self) -> Iterator[Standing]:
        return iter(self._standings.values())

    def _new(self, key: tuple[int, int, int], candidate: Candidate) -> Standing:
        self._make_room()
        state = self._credentials.get(key[2])
        if state is None:
            state = CredentialState(candidate.credential)
            if key[2]:
                self._credentials[key[2]] = state
        model = candidate.model
        slug = model.provider.slug
        totals = self.totals.setdefault(slug, Totals())
        standing = Standing(slug, model.model_id, state, totals)
        self._standings[key] = standing
        return standing

    def _make_room(self) -> None:
        """Forget those that nothing is known against and that are not in use."""
        if len(self._standings) < _MAX_STANDINGS:
            return
        self._standings = {
            key: standing
            for key, standing in self._standings.items()
            if standing.running or not standing.is_clear
        }
        kept = {key[2] for key in self._standings}
        self._credentials = {
            pk: state
            for pk, state in self._credentials.items()
            if pk in kept or not state.is_clear
        }
        if len(self._standings) >= _MAX_STANDINGS:
            self._standings.clear()
            self._credentials.clear()
