-- Accept one job: all of it, or nothing. Running it again with the same job id changes nothing.
-- KEYS 1..16 of the lane, optionally 17: idempotency key
-- ARGV 4 job, 5 delay ms, 6 not before ms, 7 coalesce key or '', 8 longest debounce ms, 9 lifetime of the idempotency
--      key in s, 10 cost in tokens, 11 '1' when limits apply, 12.. limits where the tenant has none of its own: queued,
--      of a lane, adds/s, tokens/min, tokens/day; 17.. fields and values, the first of which is payload
-- Returns {1, id under which the work is known: this job's, an earlier one's, or that of the one that absorbed it},
--         or {0, which limit, ms to wait}.
local job, cost = ARGV[4], tonumber(ARGV[10])
local key = KEYS[7] .. job
if redis.call('EXISTS', key) == 1 then return {1, job} end

if KEYS[17] then
  local first = redis.call('GET', KEYS[17])
  if first then return {1, first} end
end

local now, micros = clock()
local due = math.max(now + ARGV[5], tonumber(ARGV[6]))

-- The generic cell rate algorithm (ITU-T I.371): `at` is when the bucket is empty again, `tau` how far ahead it may be.
-- A job that is larger than the whole bucket passes when the bucket is empty. Returns the new `at`, and µs to wait.
local function gcra(at, step, tau)
  local start = math.max(at, micros)
  if start > micros and start + step - micros > tau then return at, start + step - micros - tau end
  return start + step, 0
end

local function check_limits()
  local over = redis.call('HMGET', KEYS[15], 'level', 'noisy\31' .. ARGV[1])
  local level = tonumber(over[1] or 0)
  if ARGV[11] ~= '1' then return level, nil end
  if level >= 5 then return level, 'overloaded', 5000 end
  if level >= 4 and over[2] then return level, 'noisy_tenant', 5000 end

  local own = redis.call('HMGET', KEYS[12], 'max_queued', 'max_lane', 'adds_per_s', 'tokens_per_min', 'tokens_per_day')
  local most = {}
  for i = 1, 5 do most[i] = tonumber(own[i] or ARGV[11 + i]) end
  local used = redis.call('HMGET', KEYS[11], 'queued', 'adds_at', 'tokens_at', 'day', 'today')
  if tonumber(used[1] or 0) >= most[1] then return level, 'tenant_depth', 1000 end
  if redis.call('LLEN', KEYS[1]) >= most[2] then return level, 'lane_depth', 1000 end

  local day = math.floor(now / 86400000)
  local today = tonumber(used[4] or 0) == day and tonumber(used[5]) or 0
  if most[5] > 0 and today + cost > most[5] then return level, 'tokens_per_day', (day + 1) * 86400000 - now end
  local changes, wait = {'day', day, 'today', today + cost, 'day|' .. day, today + cost}
  if most[3] > 0 then
    local at
    at, wait = gcra(tonumber(used[2] or 0), 1000000 / most[3], math.max(1000000, 1000000 / most[3]))
    if wait > 0 then return level, 'adds_per_s', math.ceil(wait / 1000) end
    changes[#changes + 1], changes[#changes + 2] = 'adds_at', string.format('%.0f', at)
  end
  if most[4] > 0 then
    local at
    at, wait = gcra(tonumber(used[3] or 0), cost * 60000000 / most[4], 60000000)
    if wait > 0 then return level, 'tokens_per_min', math.ceil(wait / 1000) end
    changes[#changes + 1], changes[#changes + 2] = 'tokens_at', string.format('%.0f', at)
  end
  redis.call('HSET', KEYS[11], unpack(changes))
  if tonumber(used[4] or 0) ~= day then redis.call('EXPIRE', KEYS[11], 32 * 86400) end
  return level, nil
end

local function absorb(waiting)
  local before = KEYS[7] .. waiting
  redis.call('HSET', before, ARGV[17], ARGV[18], 'updated', now)
  if tonumber(ARGV[8]) == 0 then return end
  local f = redis.call('HMGET', before, 'submitted', 'due', 'state')
  local later = math.min(due, tonumber(f[1]) + ARGV[8])
  if f[3] ~= 'queued' or later <= tonumber(f[2]) then return end
  redis.call('HSET', before, 'due', later, 'set', now)
  local _, till = lease_of(KEYS[2])
  if till <= now and redis.call('LINDEX', KEYS[1], 0) == waiting then set_alarm(later, now) end
end

local waiting = ARGV[7] ~= '' and redis.call('GET', KEYS[8] .. ARGV[7])
if waiting then
  absorb(waiting)
  job = waiting
else
  local level, limit, wait = check_limits()
  local kind = ARGV[20]
  if limit then
    redis.call('HINCRBY', KEYS[14], 'refused|' .. limit, 1)
    return {0, limit, wait}
  end
  redis.call('HSET', key, 'state', 'queued', 'submitted', now, 'due', due, 'set', now, 'updated', now, 'cost', cost,
    unpack(ARGV, 17))
  redis.call('ZADD', KEYS[6], micros, job)
  redis.call('HINCRBY', KEYS[11], 'queued', 1)
  redis.call('HINCRBY', KEYS[2], 'cost', cost)
  if ARGV[7] ~= '' then redis.call('SET', KEYS[8] .. ARGV[7], job) end
  local length = redis.call('RPUSH', KEYS[1], job)
  -- A lane that has work already has its alarm: nobody overtakes what is before this job.
  if length == 1 and not redis.call('HGET', KEYS[2], 'halted') then set_alarm(due, now) end
  count('accepted|' .. kind)
  if level >= 2 and step_at(level, ARGV[3]) == 2 then touch(key, level, ARGV[3], 0) end
  write_counts(KEYS[14])
end
if KEYS[17] then redis.call('SET', KEYS[17], job, 'EX', ARGV[9]) end
return {1, job}
