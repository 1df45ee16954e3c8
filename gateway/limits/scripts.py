"""The limits' Lua scripts.

Requests and tokens are GCRA: a key holds the moment at which all of the limit is back
("full again"), in microseconds since 2025 so that a double keeps fractions of them.
Concurrency is a sorted set of leases with the moment at which each expires.
Every script reads the clock of the server, and every key it writes has a lifetime.
"""

from gateway.redis.script import Script

# Before Redis 7 a script that reads the clock may only write when its effects are
# replicated instead of itself.
CLOCK = """
if redis.replicate_commands then redis.replicate_commands() end
local time = redis.call('TIME')
local now = (time[1] - 1735689600) * 1000000 + time[2]
"""

# ARGV: lease id, lifetime of the lease in ms, then amount, seconds and cost per key, and
# how many keys refuse, if not all: those after them are in shadow mode.
# Answers: number of the refusing key or 0, microseconds to wait, then per key what
# remains and the microseconds until all of it is back. What remains is -1 of one in
# shadow mode that would have refused; it is not charged.
ADMIT = Script(
    CLOCK
    + """
local states, answer, refused, wait, exceeded = {}, {}, 0, 0, {}
local refusing = tonumber(ARGV[3 * #KEYS + 3] or #KEYS)
for i, key in ipairs(KEYS) do
  local amount, per = tonumber(ARGV[3 * i]), ARGV[3 * i + 1] * 1000000
  if per == 0 then
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
    local held = redis.call('ZCARD', key)
    states[i] = held
    if held >= amount then
      if i > refusing then exceeded[i] = true
      elseif refused == 0 then refused = i end
    end
  else
    local full = tonumber(redis.call('GET', key) or now)
    if full < now then full = now end
    local charged = full + ARGV[3 * i + 2] * per / amount
    states[i] = full
    -- A microsecond of tolerance for the rounding of fractions.
    local over = charged - now - per - 1
    if over > 0 then
      if i > refusing then
        exceeded[i] = true
      else
        if refused == 0 then refused = i end
        if over > wait then wait = over end
      end
    end
  end
end
for i, key in ipairs(KEYS) do
  local amount, per = tonumber(ARGV[3 * i]), ARGV[3 * i + 1] * 1000000
  if per == 0 then
    local held = states[i]
    if refused == 0 and not exceeded[i] then
      held = held + 1
      redis.call('ZADD', key, now + ARGV[2] * 1000, ARGV[1])
      redis.call('PEXPIRE', key, ARGV[2])
    end
    answer[2 * i + 1], answer[2 * i + 2] = math.max(0, amount - held), 0
  else
    local full = states[i]
    if refused == 0 and not exceeded[i] then
      full = full + ARGV[3 * i + 2] * per / amount
      if full > now then
        redis.call('SET', key, full, 'PX', math.ceil((full - now) / 1000))
      end
    end
    local left = math.floor((per + 1 - full + now) * amount / per)
    answer[2 * i + 1] = math.max(0, math.min(amount, left))
    answer[2 * i + 2] = full - now
  end
  if exceeded[i] then answer[2 * i + 1] = -1 end
end
answer[1], answer[2] = refused, math.ceil(wait)
return answer
"""
)

# ARGV: amount, seconds and correction per key; 0, 0 and the lease's id where it ends.
SETTLE = Script(
    CLOCK
    + """
for i, key in ipairs(KEYS) do
  local amount, per = ARGV[3 * i - 2], ARGV[3 * i - 1] * 1000000
  if per == 0 then
    redis.call('ZREM', key, ARGV[3 * i])
  else
    local full = tonumber(redis.call('GET', key) or now)
    if full < now then full = now end
    full = full + ARGV[3 * i] * per / amount
    if full > now then
      redis.call('SET', key, full, 'PX', math.ceil((full - now) / 1000))
    else
      redis.call('DEL', key)
    end
  end
end
return 1
"""
)

# ARGV: lease id, lifetime in ms. A lease that the server lost is there again after it.
RENEW = Script(
    CLOCK
    + """
for _, key in ipairs(KEYS) do
  redis.call('ZADD', key, now + ARGV[2] * 1000, ARGV[1])
  redis.call('PEXPIRE', key, ARGV[2])
end
return 1
"""
)

# ARGV: process id, lifetime in ms; 0 says goodbye. Answers how many processes live.
HEARTBEAT = Script(
    CLOCK
    + """
redis.call('ZADD', KEYS[1], now + ARGV[2] * 1000, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if ARGV[2] ~= '0' then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return redis.call('ZCARD', KEYS[1])
"""
)

SCRIPTS = (ADMIT, SETTLE, RENEW, HEARTBEAT)
