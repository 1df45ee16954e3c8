"""How one request goes through the cache: has this been asked, is it being asked now?"""

import asyncio
import hmac
import logging
import time
from collections.abc import Callable
from types import ModuleType
from typing import Literal

from gateway.cache.entries import Entry, open_entry, seal_entry
from gateway.cache.flights import Flight, Flights
from gateway.cache.keeping import entry_of
from gateway.cache.known_keys import KnownKeys
from gateway.cache.memory import Memory
from gateway.cache.recording import Recorder
from gateway.cache.redis_tier import RedisTier
from gateway.cache.replay import Known, can_replay
from gateway.cache.rules import Rule
from gateway.cache.table import Shelf, Table
from gateway.candidates import Candidates
from gateway.configuration.records import ProjectRecord
from gateway.redis.link import ANSWER_SECONDS
from gateway.resilience.answers import Answer
from gateway.types import InferenceRequest

logger = logging.getLogger(__name__)

# Those who ask the same wait so long for the first; then each goes alone.
FOLLOW_S = 30.0
# A first one that failed is followed by another, and then no more.
_MAX_FLIGHTS = 2


class AnswerCache:
    """The answers that this process can give again; one per process and event loop."""

    def __init__(
        self,
        url: str,
        secret: str,
        *,
        answer_s: float = ANSWER_SECONDS,
        max_bytes: int | None = None,
    ) -> None:
        self.keys = KnownKeys(b"signalbox answer cache 1\0" + secret.encode())
        self.memory = Memory() if max_bytes is None else Memory(max_bytes)
        self.flights = Flights()
        self.redis = RedisTier(url, answer_s=answer_s)
        self.table = Table()

    async def start(self) -> None:
        await self.redis.start()
        await self.table.start()

    async def stop(self) -> None:
        await self.table.stop()
        await self.redis.stop()

    def question(
        self,
        request: InferenceRequest,
        rule: Rule | None,
        project: ProjectRecord,
        candidates: Candidates,
        dialect: ModuleType,
    ) -> "Question | None":
        """Return the request as the cache sees it, with what is in memory.

        None without a rule: then it is none of the cache's business.
        """
        if rule is None:
            return None
        key = self.keys.key_for(project.id, request, candidates, dialect)
        return Question(self, key, rule, request, project, candidates, dialect)


class Question:
    """A request whose answer may be known. Whoever has it calls `end` in the end."""

    def __init__(
        self,
        cache: AnswerCache,
        key: str,
        rule: Rule,
        request: InferenceRequest,
        project: ProjectRecord,
        candidates: Candidates,
        dialect: ModuleType,
    ) -> None:
        self._cache = cache
        self._key = key
        self._rule = rule
        self._request = request
        self._project = project
        self._candidates = candidates
        self._dialect = dialect
        self._asked_at = time.time()
        self._flight: Flight | None = None
        self._holds_lock = False
        self._at_hand = self._in_memory()

    async def known(self) -> Known | None:
        """Return the answer that there is; None when it has to be found.

        Then this request may be the one that others wait for, until `end`.
        """
        found = self._at_hand
        if found is None:
            # It may have come while leave was waited for.
            found = self._in_memory()
        if found is not None:
            self._cache.table.count_hit(self._key)
            return found
        found = await self._found()
        if found is None and self._request.stream:
            self._request.recorder = Recorder()
        return found

    def answered(self, answer: Answer) -> None:
        """Keep the answer, if it is worth it."""
        try:
            entry = entry_of(
                answer,
                self._request,
                self._dialect,
                key=self._key,
                project_id=self._project.id,
                alias=self._candidates.alias,
                asked_at=self._asked_at,
                ttl_s=self._rule.ttl_s,
            )
            if entry is not None:
                self._keep(entry)
        except Exception:
            # The client has its answer all the same.
            logger.exception("answer not kept")
        finally:
            self.end()

    def when_streamed(
        self, answer: Answer, release: Callable[[int], None]
    ) -> Callable[[int], None]:
        """Return what to do when the stream has ended: keep it, if it ended well."""

        def ended(tokens: int) -> None:
            release(tokens)
            if answer.attempt.status == "ok":
                self.answered(answer)
            else:
                self.end()

        return ended

    def end(self) -> None:
        """Let others go on who wait for an answer; nothing once they have it."""
        if self._flight is not None:
            self._flight.land(None)
            self._flight = None
        if self._holds_lock:
            self._holds_lock = False
            self._cache.redis.let_go(self._key, self._project.id)

    def _in_memory(self) -> Known | None:
        if self._rule.refresh:
            return None
        entry = self._cache.memory.get(self._key)
        if entry is None:
            return None
        if (known := self._usable(entry, "hit")) is None:
            self._cache.memory.drop(self._key)
        return known

    async def _found(self) -> Known | None:
        cache, key = self._cache, self._key
        if self._rule.refresh:
            return None
        deadline = asyncio.get_running_loop().time() + FOLLOW_S
        for _ in range(_MAX_FLIGHTS):
            flight = cache.flights.current(key)
            if flight is None:
                self._flight = cache.flights.begin(key)
                return await self._fetched()
            left = deadline - asyncio.get_running_loop().time()
            try:
                entry = await flight.landing(left)
            except TimeoutError:
                return None
            if entry is not None and (known := self._usable(entry, "coalesced")):
                cache.table.count_hit(key)
                return known
        return None

    async def _fetched(self) -> Known | None:
        """Look where other processes keep their answers."""
        cache, key, project = self._cache, self._key, self._project
        shelf = await cache.table.shelf_of(project.id)
        if shelf is None:
            return None
        sealed, is_fresh = await cache.redis.look_up(key, project.id)
        if sealed is not None:
            known = self._opened(sealed, shelf, "coalesced" if is_fresh else "hit")
            if known is not None:
                return known
        else:
            self._holds_lock = True
        sealed = await cache.table.read(key, project.id, shelf)
        known = None if sealed is None else self._opened(sealed, shelf, "hit")
        if known is not None and sealed is not None:
            ttl_s = known.entry.expires_at - time.time()
            cache.redis.store(key, project.id, sealed, ttl_s)
        return known

    def _opened(
        self, sealed: bytes, shelf: Shelf, how: Literal["hit", "coalesced"]
    ) -> Known | None:
        """Return what was sealed and let those who wait have it, if it may be used."""
        entry = open_entry(sealed, self._key, self._project.id, self._sealing(shelf))
        if entry is None or (known := self._usable(entry, how)) is None:
            return None
        self._cache.memory.put(entry)
        self._cache.table.count_hit(self._key)
        if self._flight is not None:
            self._flight.land(entry)
            self._flight = None
        return known

    def _sealing(self, shelf: Shelf) -> bytes:
        """Return the key that seals the answer: it goes with that of its end user."""
        context = self._request.context
        if context is None:
            return shelf.sealing
        return hmac.digest(shelf.sealing, context.secret, "sha256")

    def _usable(self, entry: Entry, how: Literal["hit", "coalesced"]) -> Known | None:
        """Return the entry with its candidate, if it answers this very request."""
        oldest = time.time() - self._rule.max_age_s
        if not entry.serves(self._key, self._project, oldest):
            return None
        if not can_replay(entry, self._request):
            return None
        for candidate in self._candidates.able:
            if candidate.model.id == entry.model_pk:
                return Known(entry, candidate, how)
        return None

    def _keep(self, entry: Entry) -> None:
        cache = self._cache
        cache.memory.put(entry)
        if self._flight is not None:
            self._flight.land(entry)
            self._flight = None
        shelf = cache.table.shelf_at_hand(self._project.id)
        if shelf is None:
            return
        sealed = seal_entry(entry, self._sealing(shelf))
        cache.redis.store(self._key, self._project.id, sealed, self._rule.ttl_s)
        # What is stored lets go of the lock by itself.
        self._holds_lock = False
        cache.table.write(entry, sealed, shelf)
