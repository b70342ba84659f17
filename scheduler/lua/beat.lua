-- Keep the lease, and say that its jobs are running.
-- KEYS 1..8 of the lane
-- ARGV 3 fence, 4 lease ms, 5.. ids of the leased jobs
-- Returns 1, or -1 when the fence is stale.
local fence = tonumber(ARGV[3])
if not holds(fence) then return -1 end
local till = clock() + ARGV[4]
redis.call('HSET', KEYS[2], 'till', till)
redis.call('ZADD', KEYS[3], 'XX', till, ARGV[2])
for i = 5, #ARGV do
  local key = KEYS[7] .. ARGV[i]
  if redis.call('HGET', key, 'state') == 'leased' then redis.call('HSET', key, 'state', 'running') end
end
return 1
