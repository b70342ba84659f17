-- Who has been seen lately.
-- KEYS 1 the roll   ARGV 1 within how many ms, 2 most members
-- Returns the members, last seen first.
return redis.call('ZRANGE', KEYS[1], '+inf', clock() - ARGV[1], 'BYSCORE', 'REV', 'LIMIT', 0, ARGV[2])
