-- Cancel a job: at once when nobody works on it, else at its holder's next safe point.
-- KEYS 1..16 of the lane
-- ARGV 4 job, 5 lifetime of a record in s
-- Returns 1 when it was cancelled now, 2 when its holder has been asked, else 0.
local key = KEYS[7] .. ARGV[4]
local state = redis.call('HGET', key, 'state')
if state == 'leased' or state == 'running' then
  redis.call('HSET', key, 'cancel', 1)
  return 2
end
if state ~= 'queued' and state ~= 'retrying' then return 0 end
local now = clock()
end_cancelled(ARGV[4], now, ARGV[5])
write_counts(KEYS[14])

local _, till, halted = lease_of(KEYS[2])
if till <= now and not halted then
  -- The head may have slept; the next one need not. take looks at its own due time.
  if redis.call('LLEN', KEYS[1]) == 0 then rest() else set_alarm(now, now) end
end
return 1
