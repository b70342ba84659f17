-- Let go of the lane. Jobs that were leased and not ended go back to the state they wait in, or end as cancelled when
-- somebody wanted that.
-- KEYS 1..16 of the lane
-- ARGV 4 fence, 5 lifetime of a record in s, 6.. ids of jobs to hand back
-- Returns 1 when the lane has work left (its alarm is set to now), 0 when not, -1 when the fence is stale.
if not holds(tonumber(ARGV[4])) then return refuse_stale('finish') end
local now = clock()
for i = 6, #ARGV do
  local key = KEYS[7] .. ARGV[i]
  local f = redis.call('HMGET', key, 'state', 'cancel')
  if f[1] == 'leased' or f[1] == 'running' then
    if f[2] == '1' then
      end_cancelled(ARGV[i], now, ARGV[5])
    else
      redis.call('HSET', key, 'state', 'queued', 'updated', now)
    end
  end
end
write_counts(KEYS[14])
release(now)
if redis.call('LLEN', KEYS[1]) == 0 then
  rest()
  return 0
end
set_alarm(now, now)
return 1
