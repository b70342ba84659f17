-- Put right what time alone does not: slots that have expired, and times that a clock put back has left in the future.
-- KEYS 1 tenants, 2 flight, 3 flying, 4 stats, 5 prefix of ready sets, 6 prefix of lanes, 7 signal
-- ARGV 1 queue, 2 the longest lease or hint in ms, 3 most slots and most tenants to look at
-- Returns {expired slots removed, lanes whose lease lay in an impossible future, lanes woken after a step of the clock}.
local now = clock()
local removed, impossible, woken = 0, 0, 0

local function drop_slot(member)
  local tenant = string.match(member, '^[^\31]*')
  redis.call('ZREM', KEYS[2], member)
  if redis.call('HINCRBY', KEYS[3], tenant, -1) <= 0 then redis.call('HDEL', KEYS[3], tenant) end
  if redis.call('HDEL', KEYS[3], '!' .. tenant) == 1 then redis.call('ZADD', KEYS[1], 'LT', now, tenant) end
end

local function wake(tenant, lane)
  redis.call('ZADD', KEYS[5] .. tenant, 'XX', now, lane)
  redis.call('ZADD', KEYS[1], 'LT', now, tenant)
end

for _, member in ipairs(redis.call('ZRANGE', KEYS[2], '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[3])) do
  drop_slot(member)
  removed = removed + 1
end
for _, member in ipairs(redis.call('ZRANGE', KEYS[2], now + ARGV[2] + 1000, '+inf', 'BYSCORE', 'LIMIT', 0, ARGV[3])) do
  local tenant, lane = string.match(member, '^([^\31]*)\31(.*)$')
  redis.call('HSET', KEYS[6] .. member, 'till', now)
  drop_slot(member)
  wake(tenant, lane)
  impossible = impossible + 1
end

local last = tonumber(redis.call('HGET', KEYS[4], 'clock|' .. ARGV[1]) or 0)
redis.call('HSET', KEYS[4], 'clock|' .. ARGV[1], now)
if last > now + 1000 then
  -- take puts to sleep again what really has to wait.
  for _, tenant in ipairs(redis.call('ZRANGE', KEYS[1], 0, ARGV[3] - 1)) do
    for _, lane in ipairs(redis.call('ZRANGE', KEYS[5] .. tenant, now, '+inf', 'BYSCORE', 'LIMIT', 0, ARGV[3])) do
      wake(tenant, lane)
      woken = woken + 1
    end
  end
end
if removed > 0 then redis.call('HINCRBY', KEYS[4], 'rewakes|' .. ARGV[1], removed) end
if impossible + woken > 0 and redis.call('LLEN', KEYS[7]) == 0 then redis.call('RPUSH', KEYS[7], '1') end
return {removed, impossible, woken}
