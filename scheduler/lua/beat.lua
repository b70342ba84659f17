-- Keep the lease, say that its jobs are running and how far they are.
-- KEYS 1..16 of the lane
-- ARGV 4 fence, 5 lease ms, 6 done, 7 total (0: nothing said), 8.. ids of the leased jobs
-- Returns {1, ids that somebody wants cancelled ...}, or {-1} when the fence is stale.
if not holds(tonumber(ARGV[4])) then return {refuse_stale('beat')} end
local now = clock()
local till = now + ARGV[5]
redis.call('HSET', KEYS[2], 'till', till)
redis.call('ZADD', KEYS[3], 'XX', till, ARGV[2])
occupy(till)
local answer = {1}
for i = 8, #ARGV do
  local key = KEYS[7] .. ARGV[i]
  local f = redis.call('HMGET', key, 'state', 'cancel')
  if f[1] == 'leased' then redis.call('HSET', key, 'state', 'running', 'updated', now) end
  if ARGV[7] ~= '0' and f[1] then redis.call('HSET', key, 'done', ARGV[6], 'total', ARGV[7], 'updated', now) end
  if f[2] == '1' then answer[#answer + 1] = ARGV[i] end
end
return answer
