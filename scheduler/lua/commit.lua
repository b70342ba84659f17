-- End the jobs at the head of the lane, each succeeded or dead. An empty lane is let go in the same step.
-- KEYS 1..8 of the lane
-- ARGV 3 fence, 4 lifetime of a record in s, 5 lifetime of the index in s, 6 how many jobs,
--      then for each: id, state, error class, error message, memory ids, degraded, result
-- Returns how many jobs the lane still holds, or -1 when the fence is stale or these are not its first jobs.
local fence, count = tonumber(ARGV[3]), tonumber(ARGV[6])
local newest, till = lease_of(KEYS[2])
if newest ~= fence then return -1 end

local last = redis.call('HMGET', KEYS[7] .. ARGV[7 * count], 'state', 'fence')
if (last[1] == 'succeeded' or last[1] == 'dead') and tonumber(last[2]) == fence then
  return redis.call('LLEN', KEYS[1])  -- the same commit again: its reply was lost
end
if till == 0 then return -1 end
local head = redis.call('LRANGE', KEYS[1], 0, count - 1)
for i = 1, count do
  if head[i] ~= ARGV[7 * i] then return -1 end
end

local now = clock()
for i = 1, count do
  local at = 7 * i
  local key = KEYS[7] .. ARGV[at]
  redis.call('HSET', key, 'state', ARGV[at + 1], 'finished', now, 'error_class', ARGV[at + 2],
    'error_message', ARGV[at + 3], 'memory_ids', ARGV[at + 4], 'degraded', ARGV[at + 5], 'result', ARGV[at + 6])
  -- The words themselves are in the graph now. A dead job keeps them, to be looked at and run again.
  if ARGV[at + 1] == 'succeeded' then redis.call('HDEL', key, 'payload', 'answer') end
  redis.call('EXPIRE', key, ARGV[4])
end
redis.call('LTRIM', KEYS[1], count, -1)
redis.call('EXPIRE', KEYS[6], ARGV[5])
trim_index()

local left = redis.call('LLEN', KEYS[1])
if left == 0 then
  release()
  rest()
end
return left
