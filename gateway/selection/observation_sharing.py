"""How the processes tell one another what they have seen: one call every few seconds.

Each process has one field in a hash, which it writes anew each time, and reads all
others in the same call. Nothing of this is ever waited for by a request. Without Redis
each process goes by what it has seen itself.
"""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Mapping

import msgspec

from gateway.limits.scripts import CLOCK
from gateway.redis.connection import Call, Reply
from gateway.redis.link import RedisLink
from gateway.redis.script import Script
from gateway.selection.observations import Observations, Sums

logger = logging.getLogger(__name__)

SHARE_SECONDS = 3.0
_KEY = "sb:observations"
# What a process wrote that is silent for so long is no longer read, and is removed.
_SILENT_SECONDS = 30
_MAX_BYTES = 262_144

# KEYS: the hash. ARGV: field of this process, seconds of silence, what it has seen.
# A value begins with the microsecond at which it was written. Answers the values of the
# others.
SHARE = Script(
    CLOCK
    + """
local found = {}
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  if fields[i] ~= ARGV[1] then
    local written = tonumber(string.match(fields[i + 1], '^%d+')) or 0
    if now - written > ARGV[2] * 1000000 then
      redis.call('HDEL', KEYS[1], fields[i])
    else
      found[#found + 1] = string.match(fields[i + 1], '^%d+ (.*)$')
    end
  end
end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', now) .. ' ' .. ARGV[3])
  redis.call('EXPIRE', KEYS[1], ARGV[2])
end
return found
"""
)

_decode = msgspec.json.Decoder(dict[str, Sums]).decode


class ObservationSharing:
    """Shares what this process sees; made and used in one event loop."""

    def __init__(self, observations: Observations, link: RedisLink) -> None:
        self._observations = observations
        self._link = link
        self._id = uuid.uuid4().hex
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="observation sharing")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._link.is_up:
            self._send("")

    def share(self) -> None:
        """Tell the others, and take in what they tell."""
        own = self._observations.own()
        if self._link.is_up:
            self._send(_encoded(own))
        else:
            self._observations.share(())
        self._observations.fade()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(SHARE_SECONDS)
            self.share()

    def _send(self, told: str) -> None:
        arguments = (self._id, _SILENT_SECONDS, told)
        self._link.tell(Call(SHARE, (_KEY,), arguments, self._take_in))

    def _take_in(self, reply: Reply) -> None:
        if not isinstance(reply, list):
            return
        others: list[Mapping[str, Sums]] = []
        for told in reply:
            try:
                others.append(_decode(told))
            except (msgspec.MsgspecError, TypeError):
                # A process of another version says it in another way.
                logger.debug("observations unreadable")
        self._observations.share(others)


def _encoded(own: Mapping[str, Sums]) -> str:
    """Return what goes to Redis; where it is too much, the most frequent models."""
    told = msgspec.json.encode(own).decode()
    if len(told) <= _MAX_BYTES:
        return told
    frequent = sorted(own.items(), key=lambda item: -item[1].weight)[:1_000]
    return msgspec.json.encode(dict(frequent)).decode()
