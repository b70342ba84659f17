-- Stop leading, so that another need not wait for the lease to end.
-- KEYS 1 leader
-- ARGV 1 who resigns
-- Returns 1 when it led, else 0.
if redis.call('HGET', KEYS[1], 'holder') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'till', 0)
return 1
