-- A shard's counters.
-- KEYS 1 stats
-- Returns {field, value, ...}.
return redis.call('HGETALL', KEYS[1])
