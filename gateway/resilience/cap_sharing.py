"""How the processes tell one another what they ask of a credential that has caps.

What is charged or given back is sent a moment later, together, and the answer says what
all processes have used. No request waits for that, so a cap may be exceeded by what
they begin within that moment; who has not used a credential for long decides once by
what it last knew. While Redis is away, each process grants its share.
"""

import asyncio
import contextlib
import time
import uuid
from functools import partial

from gateway.limits.limiter import Limiter
from gateway.limits.scripts import CLOCK
from gateway.redis.connection import Call, Reply
from gateway.redis.script import Script
from gateway.resilience.caps import CapBook, CapState

SEND_SECONDS = 0.01
REFRESH_SECONDS = 0.5
# Of a credential that was not used for so long nothing more is asked.
_FORGET_SECONDS = 60.0
# What a process wrote that is silent for so long no longer counts.
_SILENT_SECONDS = 10
_PREFIX = "sb:cap:"

# KEYS: the hash of what runs in each process, and when all requests, then tokens, are
# back. ARGV: this process, how many run in it, seconds of silence, then amount and charge
# of requests and of tokens. Answers what runs in the others, and for requests and tokens
# the microseconds until all are back.
CHARGE = Script(
    CLOCK
    + """
local others = 0
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  if fields[i] ~= ARGV[1] then
    local written, count = string.match(fields[i + 1], '^(%d+) (%d+)$')
    if not written or now - written > ARGV[3] * 1000000 then
      redis.call('HDEL', KEYS[1], fields[i])
    else
      others = others + count
    end
  end
end
if ARGV[2] == '0' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f %s', now, ARGV[2]))
  redis.call('EXPIRE', KEYS[1], ARGV[3])
end
local answer = {others, 0, 0}
for i = 2, 3 do
  local amount, cost = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  if amount > 0 then
    local full = tonumber(redis.call('GET', KEYS[i]) or now)
    if full < now then full = now end
    full = full + cost * 60000000 / amount
    if cost ~= 0 then
      if full > now then
        redis.call('SET', KEYS[i], full, 'PX', math.ceil((full - now) / 1000))
      else
        redis.call('DEL', KEYS[i])
      end
    end
    answer[i] = math.max(0, math.ceil(full - now))
  end
end
return answer
"""
)


class CapSharing:
    """Shares what this process asks for; made and used in one event loop."""

    def __init__(self, book: CapBook, limiter: Limiter) -> None:
        self._book = book
        self._limiter = limiter
        self._link = limiter.link
        self._id = uuid.uuid4().hex
        self._waiting: set[CapState] = set()
        self._under_way: set[CapState] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        book.share = self._share
        book.changed = self._note

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="cap sharing")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._timer is not None:
            self._timer.cancel()
        self._send()

    def _share(self) -> int:
        return 1 if self._link.is_up else self._limiter.processes

    def _note(self, state: CapState) -> None:
        self._waiting.add(state)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(SEND_SECONDS, self._send)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            self._waiting.update(self._book.in_use(time.monotonic() - _FORGET_SECONDS))
            self._send()

    def _send(self) -> None:
        self._timer = None
        if not self._link.is_up:
            return
        for state in self._waiting - self._under_way:
            self._waiting.discard(state)
            self._under_way.add(state)
            self._charge(state)

    def _charge(self, state: CapState) -> None:
        arguments: list[str | int] = [self._id, state.running, _SILENT_SECONDS]
        sent = []
        for bucket in (state.requests, state.tokens):
            if bucket is None:
                sent.append(0)
                arguments += (0, 0)
            else:
                sent.append(bucket.unsent)
                arguments += (bucket.amount, bucket.unsent)
                bucket.unsent = 0
        slot = f"{_PREFIX}{{c{state.credential_id}}}"
        keys = (f"{slot}:running", f"{slot}:requests", f"{slot}:tokens")
        waiter = partial(self._told, state, sent)
        self._link.tell(Call(CHARGE, keys, tuple(arguments), waiter))

    def _told(self, state: CapState, sent: list[int], reply: Reply) -> None:
        self._under_way.discard(state)
        buckets = (state.requests, state.tokens)
        if not isinstance(reply, list):
            # Rather counted twice than not at all.
            for bucket, charged in zip(buckets, sent, strict=True):
                if bucket is not None:
                    bucket.unsent += charged
            return
        state.others_running = int(reply[0])
        now = time.monotonic()
        for bucket, reset_us in zip(buckets, reply[1:], strict=True):
            if bucket is not None:
                bucket.learn(now, reset_us / 1e6)
        if state in self._waiting:
            self._note(state)
