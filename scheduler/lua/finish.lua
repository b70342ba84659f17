-- Let go of the lane. Jobs that were leased and not ended go back to the state they wait in.
-- KEYS 1..8 of the lane
-- ARGV 3 fence, 4.. ids of jobs to hand back
-- Returns 1 when the lane has work left (its alarm is set to now), 0 when not, -1 when the fence is stale.
if not holds(tonumber(ARGV[3])) then return -1 end
for i = 4, #ARGV do
  local key = KEYS[7] .. ARGV[i]
  local state = redis.call('HGET', key, 'state')
  if state == 'leased' or state == 'running' then redis.call('HSET', key, 'state', 'queued') end
end
release()
if redis.call('LLEN', KEYS[1]) == 0 then
  rest()
  return 0
end
local now = clock()
set_alarm(now, now)
return 1
