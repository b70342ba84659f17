-- What is known of a provider, for metrics.
-- KEYS 1 state, 2 permits
-- Returns {limit as text or '', calls in flight, calls that were refused so far}.
local state = redis.call('HMGET', KEYS[1], 'limit', 'throttled')
return {state[1] or '', redis.call('ZCOUNT', KEYS[2], clock(), '+inf'), tonumber(state[2] or 0)}
