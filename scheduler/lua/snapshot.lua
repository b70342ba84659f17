-- What waits in a shard's queue right now, for metrics and for the overload ladder.
-- KEYS 1 tenants, 2 flight, 3.. as for reap (5 prefix of ready sets)
-- ARGV 1 most tenants to look at; the others are left out of the lanes and of the oldest
-- Returns {tenants waiting, lanes ready, ms since the oldest became ready, slots in flight,
--          {tenant, its ready lanes, ...} of the tenants with most lanes first}.
local now = clock()
local waiting = redis.call('ZRANGE', KEYS[1], 0, ARGV[1] - 1)
local ready, oldest, rows = 0, now, {}
for _, tenant in ipairs(waiting) do
  local key = KEYS[5] .. tenant
  local lanes = redis.call('ZCOUNT', key, '-inf', now)
  if lanes > 0 then
    ready = ready + lanes
    oldest = math.min(oldest, tonumber(redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]))
    rows[#rows + 1] = {tenant, lanes}
  end
end
table.sort(rows, function(a, b) return a[2] > b[2] end)
local heavy = {}
for i = 1, math.min(#rows, 20) do
  heavy[#heavy + 1] = rows[i][1]
  heavy[#heavy + 1] = rows[i][2]
end
return {redis.call('ZCARD', KEYS[1]), ready, now - oldest, redis.call('ZCOUNT', KEYS[2], now, '+inf'), heavy}
