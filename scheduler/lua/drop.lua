-- Give a dead job up for good: its words are removed, its record stays until it expires, its lane goes on.
-- KEYS 1..16 of the lane
-- ARGV 4 job
-- Returns 1 when it was a dead letter, else 0.
local id, key = ARGV[4], KEYS[7] .. ARGV[4]
if redis.call('ZREM', KEYS[13], id) == 0 then return 0 end
redis.call('HDEL', key, 'payload', 'answer')
redis.call('HINCRBY', KEYS[14], 'dead|now', -1)
local _, _, halted = lease_of(KEYS[2])
if halted == id then
  redis.call('HDEL', KEYS[2], 'halted')
  local now = clock()
  if redis.call('LLEN', KEYS[1]) > 0 then set_alarm(now, now) else redis.call('EXPIRE', KEYS[2], 86400) end
end
return 1
