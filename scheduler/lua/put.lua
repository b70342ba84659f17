-- Accept one job: all of it, or nothing. Running it again with the same job id changes nothing.
-- KEYS 1..8 of the lane, optionally 9: idempotency key
-- ARGV 3 job, 4 delay ms, 5 coalesce key or '', 6 lifetime of the idempotency key in s, 7.. fields and values,
--      the first of which is payload
-- Returns the id under which the work is known: this job's, an earlier one's, or that of the job that absorbed it.
local job = ARGV[3]
local key = KEYS[7] .. job
if redis.call('EXISTS', key) == 1 then return job end

if KEYS[9] then
  local first = redis.call('GET', KEYS[9])
  if first then return first end
end

local waiting = ARGV[5] ~= '' and redis.call('GET', KEYS[8] .. ARGV[5])
if waiting then
  redis.call('HSET', KEYS[7] .. waiting, ARGV[7], ARGV[8])
  job = waiting
else
  local now, micros = clock()
  local due = now + ARGV[4]
  redis.call('HSET', key, 'state', 'queued', 'submitted', now, 'due', due, unpack(ARGV, 7))
  redis.call('ZADD', KEYS[6], micros, job)
  if ARGV[5] ~= '' then redis.call('SET', KEYS[8] .. ARGV[5], job) end
  -- A lane that has work already has its alarm: nobody overtakes what is before this job.
  if redis.call('RPUSH', KEYS[1], job) == 1 then set_alarm(due, now) end
end
if KEYS[9] then redis.call('SET', KEYS[9], job, 'EX', ARGV[6]) end
return job
