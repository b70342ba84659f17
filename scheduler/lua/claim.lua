-- Claim the tenant's lanes whose alarm has rung, for a hint each. Of two dispatchers one gets a lane.
-- KEYS 1 ready, 2 tenants
-- ARGV 1 tenant, 2 most lanes, 3 ms after which a lane rings again if nobody took it
-- Returns the lanes' names.
local now, micros = clock()
local rung = redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[2])
for _, lane in ipairs(rung) do redis.call('ZADD', KEYS[1], now + ARGV[3], lane) end
local next = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if next[1] then
  -- What is due still gets its turn after everybody who waits already: that is the round robin. Hence the fraction.
  redis.call('ZADD', KEYS[2], math.max(tonumber(next[2]), micros / 1000), ARGV[1])
else
  redis.call('ZREM', KEYS[2], ARGV[1])
end
return rung
