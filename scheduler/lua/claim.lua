-- Claim the tenant's lanes whose alarm has rung, for a hint each. Of two dispatchers one gets a lane.
-- KEYS 1 ready, 2 tenants, 3 flight, 4 flying, 5 policy, 6 stats, 7 prefix of lanes, 8 prefix of boxes
-- ARGV 1 tenant, 2 most lanes, 3 ms after which a lane rings again if nobody took it, 4 most slots where the tenant has
--      no number of its own (0: any), 5 queue, 6 most jobs of a batch
-- Returns {lane, estimated tokens of its next batch, ...}. With 0 for ARGV 2 the tenant only goes to the end of the line.
local now, micros = clock()
local tenant, most = ARGV[1], tonumber(ARGV[2])
local slots = tonumber(redis.call('HGET', KEYS[5], 'max_in_flight') or ARGV[4])
local rewakes = 0

local function drop_slot(member, owner)
  redis.call('ZREM', KEYS[3], member)
  if redis.call('HINCRBY', KEYS[4], owner, -1) <= 0 then redis.call('HDEL', KEYS[4], owner) end
  rewakes = rewakes + 1
end

local capped = false
if slots > 0 and most > 0 then
  for _, member in ipairs(redis.call('ZRANGE', KEYS[3], '-inf', now, 'BYSCORE', 'LIMIT', 0, 100)) do
    drop_slot(member, string.match(member, '^[^\31]*'))
  end
  local room = math.max(0, slots - tonumber(redis.call('HGET', KEYS[4], tenant) or 0))
  capped = room < most
  most = math.min(most, room)
end

-- What the next batch costs, when the lane's jobs are all alike.
local function cost_of(lane)
  local cost = tonumber(redis.call('HGET', KEYS[7] .. lane, 'cost') or 1)
  local jobs = math.max(1, redis.call('LLEN', KEYS[8] .. lane))
  return math.max(1, math.ceil(cost * math.min(1, ARGV[6] / jobs)))
end

local rung = most > 0 and redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, most) or {}
local claims = {}
for _, lane in ipairs(rung) do
  redis.call('ZADD', KEYS[1], now + ARGV[3], lane)
  if redis.call('ZADD', KEYS[3], now + ARGV[3], tenant .. '\31' .. lane) == 1 then
    redis.call('HINCRBY', KEYS[4], tenant, 1)
  else
    rewakes = rewakes + 1
  end
  claims[#claims + 1] = lane
  claims[#claims + 1] = cost_of(lane)
end
if #rung > 0 then redis.call('HINCRBY', KEYS[6], 'hints|' .. ARGV[5], #rung) end
if rewakes > 0 then redis.call('HINCRBY', KEYS[6], 'rewakes|' .. ARGV[5], rewakes) end

local next = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if not next[1] then
  redis.call('ZREM', KEYS[2], tenant)
elseif capped and tonumber(next[2]) <= now then
  -- Its cap lets none of its lanes start: a slot that becomes free says so, see vacate in common.lua.
  redis.call('HSET', KEYS[4], '!' .. tenant, 1)
  redis.call('ZADD', KEYS[2], now + 1000, tenant)
else
  -- What is due still gets its turn after everybody who waits already: that is the line. Hence the fraction.
  redis.call('ZADD', KEYS[2], math.max(tonumber(next[2]), micros / 1000), tenant)
end
return claims
