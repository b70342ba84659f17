-- Begin a call to a model provider, if it takes one more just now.
-- KEYS 1 state: limit (a fraction), closed (until ms), halved (ms), throttled (count)   2 permits: id -> its end in ms
-- ARGV 1 permit, 2 most calls at once, 3 lifetime of a permit in ms, 4 lifetime of the state in s
-- Returns {1, now in ms}, or {0, ms until the provider opens again, 0 when all of its calls are taken}.
local now = clock()
local most = tonumber(ARGV[2])
local state = redis.call('HMGET', KEYS[1], 'limit', 'closed')
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local closed = tonumber(state[2] or 0)
if closed > now then return {0, closed - now} end
local limit = math.min(tonumber(state[1] or most), most)
if redis.call('ZCARD', KEYS[2]) >= math.floor(limit) then return {0, 0} end
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1])
redis.call('HSET', KEYS[1], 'limit', tostring(limit))
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('EXPIRE', KEYS[2], ARGV[4])
return {1, now}
