-- The call goes on: its permit lives on, if it has not run out.
-- KEYS 1 state, 2 permits   ARGV 1 permit, 2 lifetime of a permit in ms
-- Returns 0.
redis.call('ZADD', KEYS[2], 'XX', clock() + ARGV[2], ARGV[1])
return 0
