"""What the processes share: sealed answers in Redis, and who of them is asking."""

import asyncio
import uuid
from typing import Final

from gateway.redis.connection import Call, Reply
from gateway.redis.link import ANSWER_SECONDS, RedisLink
from gateway.redis.script import Script
from usage.cache_entries import redis_name

# How long another process is waited for, and how often it is asked after.
WAIT_S = 0.4
POLL_S = 0.03
# A process that died while asking keeps the others waiting no longer than this.
_LOCK_MS = 5_000

# The answer when there is one; else 1 when it is now ours to find, 0 when another's.
LOOK_UP: Final = Script("""
local found = redis.call('GET', KEYS[1])
if found then return found end
if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
if redis.call('GET', KEYS[2]) == ARGV[1] then return 1 end
return 0
""")
STORE: Final = Script("""
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
return 1
""")
LET_GO: Final = Script("""
if redis.call('GET', KEYS[2]) == ARGV[1] then return redis.call('DEL', KEYS[2]) end
return 0
""")
SCRIPTS = (LOOK_UP, STORE, LET_GO)


class RedisTier:
    """Never raises: a Redis that is slow or gone has no answers and keeps none.

    It has a connection of its own, so that a large answer does not hold up the limits.
    """

    def __init__(self, url: str, *, answer_s: float = ANSWER_SECONDS) -> None:
        self.link: Final = RedisLink(url, SCRIPTS, answer_s=answer_s)
        self._id: Final = uuid.uuid4().hex

    async def start(self) -> None:
        await self.link.start()

    async def stop(self) -> None:
        await self.link.stop()

    async def look_up(self, key: str, project_id: int) -> tuple[bytes | None, bool]:
        """Return the sealed answer, and whether another process gave it just now.

        Without one it is this process that has the answer to find, unless another has
        been at it for too long.
        """
        deadline = asyncio.get_running_loop().time() + WAIT_S
        waited = False
        while True:
            reply = await self._ask(key, project_id)
            if isinstance(reply, bytes):
                return reply, waited
            if reply != 0 or asyncio.get_running_loop().time() > deadline:
                return None, False
            waited = True
            await asyncio.sleep(POLL_S)

    def store(self, key: str, project_id: int, sealed: bytes, ttl_s: float) -> None:
        arguments = (self._id, sealed, max(1, int(ttl_s * 1000)))
        self._tell(STORE, key, project_id, arguments)

    def let_go(self, key: str, project_id: int) -> None:
        """Let another process find the answer."""
        self._tell(LET_GO, key, project_id, (self._id,))

    async def _ask(self, key: str, project_id: int) -> Reply:
        if not self.link.is_up:
            return None
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

        def answered(reply: Reply) -> None:
            if not future.done():
                future.set_result(reply)

        arguments = (self._id, _LOCK_MS)
        self.link.ask(Call(LOOK_UP, names_of(key, project_id), arguments, answered))
        return await future

    def _tell(
        self,
        script: Script,
        key: str,
        project_id: int,
        arguments: tuple[str | int | bytes, ...],
    ) -> None:
        if self.link.is_up:
            self.link.ask(Call(script, names_of(key, project_id), arguments, _ignore))


def names_of(key: str, project_id: int) -> tuple[str, str]:
    """Return the names of an answer and of its lock, in one slot of a cluster."""
    name = redis_name(key, project_id)
    return name, f"{name}:asking"


def _ignore(_reply: Reply) -> None:
    """Nothing depends on this answer."""
