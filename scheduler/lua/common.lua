-- Put before every other script of this directory. Times are milliseconds of the Redis server's clock.
--
-- KEYS 1 to 16 of a script that works on a lane (scheduler/keys.py, lane_keys):
--   1 box   2 lane   3 ready   4 tenants   5 signal   6 jobs   7 prefix of job keys   8 prefix of coalesce keys
--   9 flight   10 flying   11 usage   12 policy   13 dead   14 stats   15 overload   16 cubes
-- ARGV 1 to 3 of these: tenant, the lane's name in ready, the queue.

-- Now, in whole milliseconds and in microseconds.
local function clock()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000), t[1] * 1000000 + t[2]
end

-- The lane wants somebody at `at`; the tenant's turn comes no later.
local function set_alarm(at, now)
  redis.call('ZADD', KEYS[3], at, ARGV[2])
  redis.call('ZADD', KEYS[4], 'LT', at, ARGV[1])
  if at <= now and redis.call('LLEN', KEYS[5]) == 0 then redis.call('RPUSH', KEYS[5], '1') end
end

-- The lane is free and empty, or halted: nobody need come.
local function rest()
  redis.call('ZREM', KEYS[3], ARGV[2])
end

-- fence and end of the lane's lease, 0 where there is none; the job that halts the lane, or false.
local function lease_of(lane)
  local held = redis.call('HMGET', lane, 'fence', 'till', 'halted')
  return tonumber(held[1] or 0), tonumber(held[2] or 0), held[3]
end

-- True while the caller's fence is the newest one and it has not let go. A lease that ran out stays good until
-- somebody else takes the lane: nobody can have worked in between.
local function holds(fence)
  local newest, till = lease_of(KEYS[2])
  return newest == fence and till > 0
end

-- How much of something there has been; written once, at the end of a script.
local counts = {}
local function count(field, by)
  counts[field] = (counts[field] or 0) + (by or 1)
end
local function write_counts(stats)
  for field, by in pairs(counts) do redis.call('HINCRBY', stats, field, by) end
end

-- A stale holder is refused, and it is counted.
local function refuse_stale(step)
  redis.call('HINCRBY', KEYS[14], 'fenced|' .. step, 1)
  return -1
end

-- The lane takes a slot until `till`, or keeps it for longer.
local function occupy(till)
  if redis.call('ZADD', KEYS[9], till, ARGV[1] .. '\31' .. ARGV[2]) == 1 then
    redis.call('HINCRBY', KEYS[10], ARGV[1], 1)
  end
end

-- The slot is free again. A tenant that waited for one of its own gets its turn.
local function vacate(now)
  if redis.call('ZREM', KEYS[9], ARGV[1] .. '\31' .. ARGV[2]) == 0 then return end
  if redis.call('HINCRBY', KEYS[10], ARGV[1], -1) <= 0 then redis.call('HDEL', KEYS[10], ARGV[1]) end
  if redis.call('HDEL', KEYS[10], '!' .. ARGV[1]) == 1 then
    redis.call('ZADD', KEYS[4], 'LT', now, ARGV[1])
    if redis.call('LLEN', KEYS[5]) == 0 then redis.call('RPUSH', KEYS[5], '1') end
  end
end

local function release(now)
  redis.call('HSET', KEYS[2], 'till', 0)
  vacate(now)
end

-- So many jobs, worth so many tokens, wait no longer.
local function settle(jobs, cost)
  if redis.call('HINCRBY', KEYS[11], 'queued', -jobs) < 0 then redis.call('HSET', KEYS[11], 'queued', 0) end
  if redis.call('HINCRBY', KEYS[2], 'cost', -cost) < 0 then redis.call('HSET', KEYS[2], 'cost', 0) end
end

-- Add an attempt that failed to a job's history, which keeps the last 20.
local function remember(key, attempts, now, class, message)
  local history = cjson.decode(redis.call('HGET', key, 'history') or '[]')
  history[#history + 1] = {tonumber(attempts or 0), now, class, message}
  if #history > 20 then table.remove(history, 1) end
  redis.call('HSET', key, 'history', cjson.encode(history))
end

-- End a job as cancelled and take it out of the box. `ttl`: lifetime of its record in s.
local function end_cancelled(id, now, ttl)
  local key = KEYS[7] .. id
  local f = redis.call('HMGET', key, 'kind', 'cost', 'coalesce')
  redis.call('HSET', key, 'state', 'cancelled', 'finished', now, 'updated', now)
  redis.call('HDEL', key, 'payload', 'answer')
  redis.call('EXPIRE', key, ttl)
  if f[3] and redis.call('GET', KEYS[8] .. f[3]) == id then redis.call('DEL', KEYS[8] .. f[3]) end
  redis.call('LREM', KEYS[1], 1, id)
  settle(1, tonumber(f[2] or 0))
  if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('EXPIRE', KEYS[2], 86400) end
  count('ended|' .. f[1] .. '|cancelled')
end

-- Forget up to two of the tenant's oldest index entries whose records have expired.
local function trim_index()
  for _, id in ipairs(redis.call('ZRANGE', KEYS[6], 0, 1)) do
    if redis.call('EXISTS', KEYS[7] .. id) == 0 then redis.call('ZREM', KEYS[6], id) end
  end
end

-- Which step of the overload ladder touches a job of this queue at this level? 0 for none.
local function step_at(level, queue)
  if level >= 3 and (queue == 'extract' or queue == 'extract.bulk') then return 3 end
  if level >= 2 and (queue == 'organize' or queue == 'kv') then return 2 end
  return level >= 1 and 1 or 0
end

-- Write in the job's record that a step touched it, if no harder one has.
local STEPS = {'coalesce', 'pause', 'rules_reader'}
local function touch(key, level, queue, before)
  local step = step_at(level, queue)
  if step > tonumber(before or 0) then
    redis.call('HSET', key, 'overload', step)
    count('overload|' .. STEPS[step])
  end
end
