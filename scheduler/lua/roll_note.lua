-- Somebody is there.
-- KEYS 1 the roll: member -> ms at which it was last seen   ARGV 1 member, 2 ms after which a silent one is forgotten
-- Returns 0.
local now = clock()
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
return 0
