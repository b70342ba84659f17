-- Run a dead job again, under its own id: at the end of its lane, or at the head of a lane that halts for it.
-- KEYS 1..16 of the lane
-- ARGV 4 job
-- Returns 1 when it waits now, 0 when it is no dead job or its words are gone.
local id, key = ARGV[4], KEYS[7] .. ARGV[4]
local f = redis.call('HMGET', key, 'state', 'payload', 'kind', 'cost')
if f[1] ~= 'dead' or not f[2] then return 0 end
local now = clock()
redis.call('HSET', key, 'state', 'queued', 'attempts', 0, 'crashes', 0, 'due', now, 'set', now, 'updated', now)
redis.call('HDEL', key, 'finished', 'started', 'fence', 'cancel', 'alone')
redis.call('HINCRBY', key, 'replays', 1)
redis.call('PERSIST', key)
redis.call('ZREM', KEYS[13], id)
redis.call('HINCRBY', KEYS[11], 'queued', 1)
redis.call('HINCRBY', KEYS[2], 'cost', f[4] or 0)
count('replayed|' .. f[3])
count('dead|now', -1)
write_counts(KEYS[14])

local _, till, halted = lease_of(KEYS[2])
local length
if halted == id then
  redis.call('HDEL', KEYS[2], 'halted')
  redis.call('LPUSH', KEYS[1], id)
  set_alarm(now, now)
elseif redis.call('RPUSH', KEYS[1], id) == 1 and till <= now and not halted then
  set_alarm(now, now)
end
return 1
