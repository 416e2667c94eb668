"""What Redis does at one stroke. Time is the server's, so that no two processes' clocks are compared.

Each key's quota is one hash. ``tat:UNIT`` is the theoretical arrival time of the generic cell rate algorithm (GCRA,
ITU-T I.371): the moment at which all that was let through would have come, had it come at the exact rate. A request
may come earlier than that by as much as may be saved up. ``rate:UNIT`` is the rate that was learned.
"""

from __future__ import annotations

from typing import Final

__all__ = ["ADJUST", "CUT", "RESERVE"]

NOW: Final = """
local t = redis.call('TIME')
local now = t[1] + t[2] / 1e6
local function number(field, otherwise)
  return tonumber(redis.call('HGET', KEYS[1], field) or otherwise)
end
local function put(field, value)
  redis.call('HSET', KEYS[1], field, string.format('%.6f', value))
end
"""

# KEYS: the quota, who lives. ARGV: me, seconds until I count as dead, longest wait or -1, whether the rate of requests
# may grow, its ceiling, then for each unit: name, rate given, seconds saved, least saved, cost.
# A rate grows by a half each second until its first refusal, by a fiftieth after it, and never for a time in which
# nobody wanted more; what the provider's headers have told within a minute is left alone.
RESERVE: Final = (
    NOW
    + """
redis.call('ZADD', KEYS[2], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[2])
redis.call('EXPIRE', KEYS[2], 3600)
local longest = tonumber(ARGV[3])
local grow = ARGV[4] == '1' and number('told', 0) < now - 60
local wait = 0
local rates = {}
local news = {}
for i = 6, #ARGV, 5 do
  local unit, given, cost = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 4])
  local rate = number('rate:' .. unit, given)
  if grow and unit == 'requests' then
    local speed = number('cut', 0) > 0 and 0.02 or 0.5
    rate = math.min(tonumber(ARGV[5]), rate * (1 + speed * math.min(1, now - number('grown', now))))
    put('rate:' .. unit, rate)
    put('grown', now)
  end
  local saved = math.max(tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3]) / rate)
  local new = math.max(number('tat:' .. unit, 0), now) + cost / rate
  wait = math.max(wait, new - now - saved)
  rates[#rates + 1] = string.format('%.6f', rate)
  news[#news + 1] = {'tat:' .. unit, new}
end
local granted = longest < 0 or wait <= longest
if granted then
  for _, new in ipairs(news) do put(new[1], new[2]) end
  redis.call('EXPIRE', KEYS[1], 3600 + math.ceil(wait))
end
local living = redis.call('ZCARD', KEYS[2])
return {granted and 1 or 0, string.format('%.6f', wait), living, string.format('%.6f', now), rates}
"""
)

# KEYS: the quota. ARGV for each unit: name, rate given, amount: more than 0 was taken on top, less is given back.
ADJUST: Final = (
    NOW
    + """
for i = 1, #ARGV, 3 do
  local field, amount = 'tat:' .. ARGV[i], tonumber(ARGV[i + 2])
  local due = amount / number('rate:' .. ARGV[i], ARGV[i + 1])
  local tat = number(field, 0)
  if amount > 0 then put(field, math.max(tat, now) + due) elseif tat > now then put(field, math.max(now, tat + due)) end
end
return 1
"""
)

# KEYS: the quota. ARGV: when the refused request was sent (the server's time), seconds to pause, whether to slow down,
# then for each unit: name, rate given, seconds saved, least saved, cost to give back.
CUT: Final = (
    NOW
    + """
local sent, pause = tonumber(ARGV[1]), tonumber(ARGV[2])
local news = sent >= number('cut', 0)
local rates = {}
for i = 4, #ARGV, 5 do
  local unit = ARGV[i]
  local rate = number('rate:' .. unit, ARGV[i + 1])
  if news and ARGV[3] == '1' and unit == 'requests' then
    rate = math.max(0.02, rate * 0.7)
    put('rate:' .. unit, rate)
  end
  local saved = math.max(tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3]) / rate)
  local tat = number('tat:' .. unit, 0) - tonumber(ARGV[i + 4]) / rate
  if news or pause > 0 then tat = math.max(tat, now + pause + saved) end
  put('tat:' .. unit, tat)
  rates[#rates + 1] = string.format('%.6f', rate)
end
if news then put('cut', now) put('grown', now) end
redis.call('EXPIRE', KEYS[1], 3600 + math.ceil(pause))
return rates
"""
)
