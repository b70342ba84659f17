-- Let go of the lane and keep its head asleep: no job behind it starts before it does.
-- KEYS 1..8 of the lane
-- ARGV 3 fence, 4 delay ms, 5 '1' when each job shall be taken alone from now on, 6 error class, 7 error message,
--      8.. ids of the leased jobs
-- Returns 1, or -1 when the fence is stale.
if not holds(tonumber(ARGV[3])) then return -1 end
local now = clock()
local due = now + ARGV[4]
for i = 8, #ARGV do
  redis.call('HSET', KEYS[7] .. ARGV[i], 'state', 'retrying', 'error_class', ARGV[6], 'error_message', ARGV[7])
  if ARGV[5] == '1' then redis.call('HSET', KEYS[7] .. ARGV[i], 'alone', 1) end
end
redis.call('HSET', KEYS[7] .. ARGV[8], 'due', due)
release()
set_alarm(due, now)
return 1
