-- A call is over, and what it says of the provider's limit is learnt: additive increase, multiplicative decrease.
-- KEYS 1 state, 2 permits
-- ARGV 1 permit, 2 ms at which the call began, 3 most calls at once, 4 'ok', 'throttled' or 'failed',
--      5 ms for which the provider wants to be left alone, 6 lifetime of the state in s
-- Returns 0. A call that began before the last halving says nothing of the limit that has been in force since.
local now = clock()
local most = tonumber(ARGV[3])
redis.call('ZREM', KEYS[2], ARGV[1])
local state = redis.call('HMGET', KEYS[1], 'limit', 'halved', 'closed')
local limit = math.min(tonumber(state[1] or most), most)
local news = tonumber(ARGV[2]) > tonumber(state[2] or 0)
if ARGV[4] == 'ok' and news then
  redis.call('HSET', KEYS[1], 'limit', tostring(math.min(most, limit + 1 / limit)))
elseif ARGV[4] == 'throttled' then
  redis.call('HINCRBY', KEYS[1], 'throttled', 1)
  redis.call('HSET', KEYS[1], 'closed', math.max(tonumber(state[3] or 0), now + ARGV[5]))
  if news then redis.call('HSET', KEYS[1], 'limit', tostring(math.max(1, limit / 2)), 'halved', now) end
end
redis.call('EXPIRE', KEYS[1], ARGV[6])
return 0
