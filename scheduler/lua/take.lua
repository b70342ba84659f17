-- Take the lane and its first jobs, or go on with a lease that is held.
-- KEYS 1..8 of the lane
-- ARGV 3 lease ms, 4 most jobs, 5 most bytes of payload, 6 the fence that is held or 0, 7 lifetime of the lane's hash in s
-- Returns {0}: nothing to do (empty, not yet due, or somebody holds it); {-1}: the fence is stale;
--         else {fence, {id, kind, user, attempts before, crashes, payload, answer or '', submitted ms}, ...}.
local now = clock()
local held = tonumber(ARGV[6])
local fence, till = lease_of(KEYS[2])
if held > 0 then
  if fence ~= held or till == 0 then return {-1} end
elseif till > now then
  if redis.call('EXISTS', KEYS[1]) == 1 then set_alarm(till, now) end
  return {0}
else
  -- Time is the floor, so that a fence grows also after Redis lost its last writes.
  fence = math.max(fence + 1, now)
end

local FIELDS = {'kind', 'user', 'attempts', 'crashes', 'payload', 'answer', 'submitted',
                'state', 'due', 'alone', 'fence', 'started', 'coalesce'}
local batch, bytes, sleep_until = {fence}, 0, nil
for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, ARGV[4] - 1)) do
  local key = KEYS[7] .. id
  local f = redis.call('HMGET', key, unpack(FIELDS))
  if not f[1] then
    redis.call('LREM', KEYS[1], 1, id)
  else
    -- Leased under another fence: that holder vanished. Such a job goes alone from now on, for it may be the reason.
    local crashed = (f[8] == 'leased' or f[8] == 'running') and tonumber(f[11]) ~= fence
    local alone = crashed or f[10] == '1'
    bytes = bytes + #f[5]
    if #batch == 1 and tonumber(f[9]) > now then sleep_until = tonumber(f[9]) break end
    if #batch > 1 and (alone or bytes > tonumber(ARGV[5]) or tonumber(f[9]) > now) then break end
    local attempts, crashes = tonumber(f[3] or 0), tonumber(f[4] or 0) + (crashed and 1 or 0)
    redis.call('HSET', key, 'state', 'leased', 'fence', fence, 'attempts', attempts + 1, 'crashes', crashes,
      'alone', alone and 1 or 0, 'started', f[12] or now)
    if f[13] and not f[12] then redis.call('DEL', KEYS[8] .. f[13]) end
    batch[#batch + 1] = {id, f[1], f[2], attempts, crashes, f[5], f[6] or '', tonumber(f[7])}
    if alone then break end
  end
end

if #batch == 1 then
  if held > 0 then release() end
  if sleep_until then set_alarm(sleep_until, now) else rest() end
  return {0}
end
redis.call('HSET', KEYS[2], 'fence', fence, 'till', now + ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[7])
set_alarm(now + ARGV[3], now)
return batch
