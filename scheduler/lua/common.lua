-- Put before every other script of this directory. Times are milliseconds of the Redis server's clock.
--
-- KEYS 1 to 8 of a script that works on a lane (scheduler/keys.py, lane_keys):
--   1 box   2 lane   3 ready   4 tenants   5 signal   6 jobs   7 prefix of job keys   8 prefix of coalesce keys
-- ARGV 1 and 2 of these: tenant, and the lane's name in ready.

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

-- The lane is free and empty: nobody need come.
local function rest()
  redis.call('ZREM', KEYS[3], ARGV[2])
end

-- fence and end of the lane's lease; 0 where there is none.
local function lease_of(lane)
  local held = redis.call('HMGET', lane, 'fence', 'till')
  return tonumber(held[1] or 0), tonumber(held[2] or 0)
end

-- True while the caller's fence is the newest one and it has not let go. A lease that ran out stays good until
-- somebody else takes the lane: nobody can have worked in between.
local function holds(fence)
  local newest, till = lease_of(KEYS[2])
  return newest == fence and till > 0
end

local function release()
  redis.call('HSET', KEYS[2], 'till', 0)
end

-- Forget up to two of the tenant's oldest index entries whose records have expired.
local function trim_index()
  for _, id in ipairs(redis.call('ZRANGE', KEYS[6], 0, 1)) do
    if redis.call('EXISTS', KEYS[7] .. id) == 0 then redis.call('ZREM', KEYS[6], id) end
  end
end
