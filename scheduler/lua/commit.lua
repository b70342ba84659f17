-- End the jobs at the head of the lane, each succeeded or dead. An empty lane is let go in the same step.
-- KEYS 1..16 of the lane
-- ARGV 4 fence, 5 lifetime of a record in s, 6 lifetime of the index in s, 7 on_dead where the tenant has none of its
--      own, 8 how many buckets, then their upper bounds in ms; how many jobs, then for each:
--      id, state, error class, error message, memory ids, degraded, result
-- Returns how many jobs the lane holds for its holder, or -1 when the fence is stale or these are not its first jobs.
local fence, buckets = tonumber(ARGV[4]), tonumber(ARGV[8])
local jobs = tonumber(ARGV[9 + buckets])
local first = 10 + buckets
local newest, till = lease_of(KEYS[2])
if newest ~= fence then return refuse_stale('commit') end

local last = redis.call('HMGET', KEYS[7] .. ARGV[first + 7 * (jobs - 1)], 'state', 'fence')
if (last[1] == 'succeeded' or last[1] == 'dead') and tonumber(last[2]) == fence then
  return till == 0 and 0 or redis.call('LLEN', KEYS[1])  -- the same commit again: its reply was lost
end
if till == 0 then return refuse_stale('commit') end
local head = redis.call('LRANGE', KEYS[1], 0, jobs - 1)
for i = 1, jobs do
  if head[i] ~= ARGV[first + 7 * (i - 1)] then return refuse_stale('commit') end
end

-- Count a time in its histogram.
local function observe(what, kind, ms)
  local place = 0
  while place < buckets and ms > tonumber(ARGV[9 + place]) do place = place + 1 end
  count(what .. '|' .. kind .. '|' .. place)
  count(what .. '_ms|' .. kind, math.max(0, ms))
end

local now, dead, cost = clock(), nil, 0
for i = 1, jobs do
  local at = first + 7 * (i - 1)
  local id, state = ARGV[at], ARGV[at + 1]
  local key = KEYS[7] .. id
  local f = redis.call('HMGET', key, 'kind', 'due', 'started', 'cost', 'attempts')
  redis.call('HSET', key, 'state', state, 'finished', now, 'updated', now, 'error_class', ARGV[at + 2],
    'error_message', ARGV[at + 3], 'memory_ids', ARGV[at + 4], 'degraded', ARGV[at + 5], 'result', ARGV[at + 6])
  if state == 'succeeded' then
    redis.call('HDEL', key, 'payload', 'answer')  -- the words themselves are in the graph now
  else
    -- A dead job keeps its words, to be looked at and run again.
    dead = id
    remember(key, f[5], now, ARGV[at + 2], ARGV[at + 3])
    redis.call('ZADD', KEYS[13], now + i / 1000, id)  -- of one batch the later ones are newer
    count('dead|now')
  end
  redis.call('EXPIRE', key, ARGV[5])
  cost = cost + tonumber(f[4] or 0)
  count('ended|' .. f[1] .. '|' .. state)
  observe('dwell', f[1], tonumber(f[3] or now) - tonumber(f[2] or now))
  observe('run', f[1], now - tonumber(f[3] or now))
  if ARGV[at + 5] ~= '[]' then
    for _, what in ipairs(cjson.decode(ARGV[at + 5])) do count('degraded|' .. what) end
  end
end
redis.call('LTRIM', KEYS[1], jobs, -1)
settle(jobs, cost)
redis.call('EXPIRE', KEYS[6], ARGV[6])
if dead then redis.call('EXPIRE', KEYS[13], ARGV[6]) end
if ARGV[3] == 'extract' or ARGV[3] == 'extract.bulk' then
  redis.call('ZADD', KEYS[16], now, ARGV[1] .. '\31' .. string.match(ARGV[2], '^[^\31]*'))
end
trim_index()
write_counts(KEYS[14])

if dead and (redis.call('HGET', KEYS[12], 'on_dead') or ARGV[7]) == 'halt' then
  redis.call('HSET', KEYS[2], 'halted', dead)
  redis.call('PERSIST', KEYS[2])
  release(now)
  rest()
  return 0
end
local left = redis.call('LLEN', KEYS[1])
if left == 0 then
  release(now)
  rest()
end
return left
