"""Whose turn it is: the candidates of a route, and what stands in for one that failed."""

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from gateway.candidates import Candidate
from gateway.configuration.records import ProjectRecord
from gateway.resilience.standings import Standings
from gateway.upstream.errors import (
    ContextLengthExceeded,
    UpstreamAccountError,
    UpstreamError,
    UpstreamModelMissing,
    UpstreamRateLimited,
    UpstreamUnreachable,
)


class Turns:
    """Hands out one candidate after the other, those that are to be spared at the end.

    `tokens` is about how many each attempt takes. `left_out` are those that nobody
    asked, each with the error that says why.
    """

    __slots__ = (
        "_coming",
        "_last",
        "_project",
        "_standings",
        "_tokens",
        "_tried",
        "left_out",
    )

    def __init__(
        self,
        route: Sequence[Candidate],
        project: ProjectRecord,
        standings: Standings,
        tokens: int,
    ) -> None:
        self._coming = deque(route)
        self._last: deque[Candidate] = deque()
        self._project = project
        self._standings = standings
        self._tokens = tokens
        self._tried: set[tuple[int, int, int | None]] = set()
        self.left_out: list[tuple[Candidate, UpstreamError]] = []

    def __iter__(self) -> Iterator[Candidate]:
        standings = self._standings
        while self._coming:
            candidate = self._coming.popleft()
            if not standings.is_ready(candidate):
                found = self._spared(candidate)
                if found is None:
                    continue
                candidate = found
            yield candidate
        while self._last:
            yield self._last.popleft()

    @property
    def has_more(self) -> bool:
        """Say whether there may be somebody to ask after this one."""
        return bool(self._coming or self._last)

    def failed(self, candidate: Candidate, error: UpstreamError) -> None:
        """Let others of the same model go next, where they may do better."""
        self._tried.add(_key(candidate))
        if isinstance(error, (UpstreamAccountError, UpstreamRateLimited)):
            self._push(self._with_other_credentials(candidate))
        elif isinstance(error, (UpstreamUnreachable, UpstreamModelMissing)):
            self._push(_at_other_endpoints(candidate))
        elif isinstance(error, ContextLengthExceeded):
            self._keep_larger(candidate.model.context_window)

    def _spared(self, candidate: Candidate) -> Candidate | None:
        """Return who goes in its place; None puts it off, or leaves it out."""
        standings, tokens, now = self._standings, self._tokens, time.monotonic()
        readiness = standings.readiness(candidate, now, tokens)
        if readiness == "ready":
            return candidate
        for other in self._with_other_credentials(candidate):
            if standings.readiness(other, now, tokens) == "ready":
                self._tried.add(_key(other))
                return other
        if readiness == "last":
            self._last.append(candidate)
        else:
            why = standings.why_not(candidate, now, tokens)
            standings.of(candidate).totals.times_left_out += 1
            self.left_out.append((candidate, why))
        return None

    def _push(self, candidates: Iterable[Candidate]) -> None:
        fresh = [each for each in candidates if _key(each) not in self._tried]
        self._tried.update(map(_key, fresh))
        self._coming.extendleft(reversed(fresh))

    def _with_other_credentials(self, candidate: Candidate) -> Iterator[Candidate]:
        provider, used = candidate.model.provider, candidate.credential
        if used is not None and used.is_own:
            # What an end user brought is not made good at the project's cost.
            return
        for credential in (
            self._project.credentials.get(provider.id) or provider.credentials
        ):
            if used is not None and credential.id != used.id:
                other = msgspec.structs.replace(candidate, credential=credential)
                if _key(other) not in self._tried:
                    yield other

    def _keep_larger(self, window: int | None) -> None:
        """Leave out those that are known to take no more than this."""
        if window is None:
            return
        for waiting in (self._coming, self._last):
            larger = [
                each
                for each in waiting
                if each.model.context_window is None
                or each.model.context_window > window
            ]
            waiting.clear()
            waiting.extend(larger)


def _at_other_endpoints(candidate: Candidate) -> Iterator[Candidate]:
    endpoint = candidate.endpoint
    for other in candidate.model.provider.endpoints.get(endpoint.operation, ()):
        if other.id != endpoint.id:
            yield msgspec.structs.replace(candidate, endpoint=other)


def _key(candidate: Candidate) -> tuple[int, int, int | None]:
    credential = candidate.credential
    return (
        candidate.model.id,
        candidate.endpoint.id,
        None if credential is None else credential.id,
    )
