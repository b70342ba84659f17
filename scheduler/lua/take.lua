-- Take the lane and its first jobs, or go on with a lease that is held.
-- KEYS 1..16 of the lane
-- ARGV 4 lease ms, 5 most jobs, 6 most bytes of payload, 7 the fence that is held or 0, 8 lifetime of the lane's hash
--      in s, 9 lifetime of a record in s, 10 '1' when the holder has had its slice of time and gives way to others
-- Returns {0}: nothing to do (empty, halted, not yet due, somebody holds it, or others should have a turn);
--         {-1}: the fence is stale; else {fence, overload level,
--         {id, kind, user, attempts before, crashes, payload, answer or '', submitted ms}, ...}.
local now = clock()
local held = tonumber(ARGV[7])
local fence, till, halted = lease_of(KEYS[2])
if held > 0 then
  if fence ~= held or till == 0 then return {refuse_stale('take')} end
elseif till > now then
  if redis.call('EXISTS', KEYS[1]) == 1 then set_alarm(till, now) end
  return {0}
else
  -- Time is the floor, so that a fence grows also after Redis lost its last writes.
  fence = math.max(fence + 1, now)
end

local over = redis.call('HMGET', KEYS[15], 'level', 'contend\31' .. ARGV[3])
local level = tonumber(over[1] or 0)
if held > 0 and ARGV[10] == '1' and tonumber(over[2] or 0) > now and redis.call('EXISTS', KEYS[1]) == 1 then
  release(now)
  set_alarm(now, now)
  return {0}
end
-- Under load fewer and larger batches cost less.
local most = tonumber(ARGV[5]) * (level >= 1 and 4 or 1)

local FIELDS = {'kind', 'user', 'attempts', 'crashes', 'payload', 'answer', 'submitted', 'state', 'due', 'alone',
                'fence', 'started', 'coalesce', 'set', 'cancel', 'overload'}
local batch, bytes, sleep_until = {fence, level}, 0, nil
for _, id in ipairs(halted and {} or redis.call('LRANGE', KEYS[1], 0, most - 1)) do
  local key = KEYS[7] .. id
  local f = redis.call('HMGET', key, unpack(FIELDS))
  if not f[1] then
    redis.call('LREM', KEYS[1], 1, id)
  else
    -- Leased under another fence: that holder vanished. Such a job goes alone from now on, for it may be the reason.
    local crashed = (f[8] == 'leased' or f[8] == 'running') and tonumber(f[11]) ~= fence
    if crashed then
      remember(key, f[3], now, 'WorkerLost', 'the worker vanished')
      count('crashes|' .. f[1])
    end
    -- A due time that was set in the future comes from a clock that has been put back since.
    local asleep = tonumber(f[9]) > now and tonumber(f[14] or 0) <= now + 1000
    if f[15] == '1' and (crashed or f[8] == 'retrying') then
      end_cancelled(id, now, ARGV[9])
    else
      local alone = crashed or f[10] == '1'
      bytes = bytes + #f[5]
      if #batch == 2 and asleep then sleep_until = tonumber(f[9]) break end
      if #batch > 2 and (alone or asleep or bytes > tonumber(ARGV[6])) then break end
      local attempts, crashes = tonumber(f[3] or 0), tonumber(f[4] or 0) + (crashed and 1 or 0)
      redis.call('HSET', key, 'state', 'leased', 'fence', fence, 'attempts', attempts + 1, 'crashes', crashes,
        'alone', alone and 1 or 0, 'started', f[12] or now, 'updated', now)
      if level > 0 then touch(key, level, ARGV[3], f[16]) end
      if f[13] and not f[12] then redis.call('DEL', KEYS[8] .. f[13]) end
      batch[#batch + 1] = {id, f[1], f[2], attempts, crashes, f[5], f[6] or '', tonumber(f[7])}
      if alone then break end
    end
  end
end
write_counts(KEYS[14])

if #batch == 2 then
  if held > 0 then release(now) else vacate(now) end
  if sleep_until then
    set_alarm(sleep_until, now)
  elseif not halted and redis.call('EXISTS', KEYS[1]) == 1 then
    set_alarm(now, now)  -- every job that was looked at is gone, and others are behind them
  else
    rest()
  end
  return {0}
end
redis.call('HSET', KEYS[2], 'fence', fence, 'till', now + ARGV[4])
redis.call('EXPIRE', KEYS[2], ARGV[8])
occupy(now + ARGV[4])
set_alarm(now + ARGV[4], now)
return batch
