-- Cancel a job that nobody works on: one that waits for its first or for another attempt.
-- KEYS 1..8 of the lane
-- ARGV 3 job, 4 lifetime of a record in s
-- Returns 1 when it was cancelled now, else 0.
local key = KEYS[7] .. ARGV[3]
local f = redis.call('HMGET', key, 'state', 'coalesce')
if f[1] ~= 'queued' and f[1] ~= 'retrying' then return 0 end
redis.call('HSET', key, 'state', 'cancelled', 'finished', (clock()))
redis.call('HDEL', key, 'payload', 'answer')
redis.call('EXPIRE', key, ARGV[4])
if f[2] and redis.call('GET', KEYS[8] .. f[2]) == ARGV[3] then redis.call('DEL', KEYS[8] .. f[2]) end
redis.call('LREM', KEYS[1], 1, ARGV[3])

local _, till = lease_of(KEYS[2])
if till == 0 then
  if redis.call('LLEN', KEYS[1]) == 0 then rest() else
    -- The head may have slept; the next one need not. take looks at its own due time.
    local now = clock()
    set_alarm(now, now)
  end
end
return 1
