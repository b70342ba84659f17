-- Let go of the lane and keep its head asleep: no job behind it starts before it does. A job that somebody cancelled
-- meanwhile ends here.
-- KEYS 1..16 of the lane
-- ARGV 4 fence, 5 delay ms, 6 '1' when each job shall be taken alone from now on, 7 error class, 8 error message,
--      9 lifetime of a record in s, 10.. ids of the leased jobs
-- Returns 1, or -1 when the fence is stale.
if not holds(tonumber(ARGV[4])) then return refuse_stale('retry') end
local now = clock()
local due, head = now + ARGV[5], nil
for i = 10, #ARGV do
  local key = KEYS[7] .. ARGV[i]
  local f = redis.call('HMGET', key, 'kind', 'attempts', 'cancel')
  if f[3] == '1' then
    end_cancelled(ARGV[i], now, ARGV[9])
  elseif f[1] then
    head = head or key
    redis.call('HSET', key, 'state', 'retrying', 'updated', now, 'error_class', ARGV[7], 'error_message', ARGV[8])
    if ARGV[6] == '1' then redis.call('HSET', key, 'alone', 1) end
    remember(key, f[2], now, ARGV[7], ARGV[8])
    count('retries|' .. f[1] .. '|' .. ARGV[7])
  end
end
write_counts(KEYS[14])
release(now)
if head then
  redis.call('HSET', head, 'due', due, 'set', now)
  set_alarm(due, now)
elseif redis.call('EXISTS', KEYS[1]) == 1 then
  set_alarm(now, now)
else
  rest()
end
return 1
