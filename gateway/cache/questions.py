"""How one request goes through the cache: has this been asked, is it being asked now?"""

import asyncio
import hmac
import logging
import time
from collections.abc import Callable
from types import ModuleType
from typing import Literal

import msgspec

from gateway.cache.entries import MAX_BYTES, Entry, open_entry, seal_entry
from gateway.cache.flights import Flight, Flights
from gateway.cache.keys import key_for
from gateway.cache.memory import Memory
from gateway.cache.recording import Recorder
from gateway.cache.redis_tier import RedisTier
from gateway.cache.replay import Known, can_replay
from gateway.cache.rules import Rule, rule_for
from gateway.cache.table import Shelf, Table
from gateway.candidates import Candidates
from gateway.canonical import ChatResult
from gateway.configuration.records import ProjectRecord
from gateway.exchange import canonical_of
from gateway.protocols import ADAPTERS
from gateway.redis.link import ANSWER_SECONDS
from gateway.resilience.asking import Answer
from gateway.structured_output import SchemaRefused, fault_of, unfenced
from gateway.types import InferenceRequest, UpstreamReply

logger = logging.getLogger(__name__)

# Those who ask the same wait so long for the first; then each goes alone.
FOLLOW_S = 30.0
# A first one that failed is followed by another, and then no more.
_MAX_FLIGHTS = 2

_CONVERSATIONS = frozenset({"chat", "responses"})
_CREDIBLE = frozenset({"stop", "length", "tool_calls"})


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
        self.secret = b"signalbox answer cache 1\0" + secret.encode()
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
        project: ProjectRecord,
        candidates: Candidates,
        dialect: ModuleType,
    ) -> "Question | None":
        """Return the request as the cache sees it; None when it is none of its business.

        Raises `InvalidRequest`.
        """
        rule = rule_for(request, project)
        if rule is None:
            return None
        key = key_for(project.id, request, candidates, dialect, self.secret)
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

    async def known(self) -> Known | None:
        """Return the answer that there is; None when it has to be found.

        Then this request may be the one that others wait for, until `end`.
        """
        found = await self._found()
        if found is None and self._request.stream:
            self._request.recorder = Recorder()
        return found

    def answered(self, answer: Answer) -> None:
        """Keep the answer, if it is worth it."""
        try:
            entry = self._entry_of(answer)
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

    async def _found(self) -> Known | None:
        cache, key = self._cache, self._key
        if self._rule.refresh:
            return None
        entry = cache.memory.get(key)
        if entry is not None:
            if (known := self._usable(entry, "hit")) is not None:
                cache.table.count_hit(key)
                return known
            cache.memory.drop(key)
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

    def _entry_of(self, answer: Answer) -> Entry | None:
        reply = answer.reply
        if reply is None:
            return self._entry_of_stream(answer)
        if len(reply.body) > MAX_BYTES:
            return None
        result: ChatResult | None = None
        if self._request.operation in _CONVERSATIONS:
            result = _result_of(answer, reply)
            if result is None or not _is_whole(result):
                return None
        return self._entry(answer, result, reply)

    def _entry_of_stream(self, answer: Answer) -> Entry | None:
        recorder: Recorder | None = self._request.recorder
        result = None if recorder is None else recorder.result()
        if result is None or not _is_whole(result):
            return None
        result = self._in_format(result)
        if result is None:
            return None
        if result.tokens is None:
            result = msgspec.structs.replace(result, tokens=answer.attempt.tokens)
        return self._entry(answer, result, None)

    def _in_format(self, result: ChatResult) -> ChatResult | None:
        """Return the answer if it has the format that was asked for."""
        wants_json = getattr(self._dialect, "wants_json", None)
        if wants_json is None or not wants_json(self._request.body):
            return result
        wanted = canonical_of(self._request, self._dialect).output_format
        if wanted.kind == "text":
            return result
        result = unfenced(result)
        try:
            return None if fault_of(result, wanted) is not None else result
        except SchemaRefused:
            return None

    def _entry(
        self, answer: Answer, result: ChatResult | None, reply: UpstreamReply | None
    ) -> Entry:
        model = answer.candidate.model
        return Entry(
            key=self._key,
            project_id=self._project.id,
            operation=self._request.operation,
            alias=self._candidates.alias,
            provider=model.provider.slug,
            model_id=model.model_id,
            model_pk=model.id,
            dialect=self._request.dialect,
            forwarded=self._request.forwarded,
            body=None if reply is None else reply.body,
            content_type=b"" if reply is None else reply.content_type,
            result=result,
            tokens=answer.attempt.tokens,
            dropped=answer.dropped,
            cost_usd=answer.attempt.spent_usd,
            asked_at=self._asked_at,
            expires_at=self._asked_at + self._rule.ttl_s,
        )

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


def _result_of(answer: Answer, reply: UpstreamReply) -> ChatResult | None:
    """Return the answer in canonical words; None when it was relayed and is none."""
    if answer.exchange is None:
        return None
    try:
        found = answer.exchange.result(reply)
    except ADAPTERS[answer.candidate.endpoint.handler].Unreadable:
        return None
    return found if isinstance(found, ChatResult) else None


def _is_whole(result: ChatResult) -> bool:
    """Say whether every choice came to an end that is worth telling again."""
    return bool(result.choices) and all(
        choice.parts and choice.finish_reason in _CREDIBLE for choice in result.choices
    )
