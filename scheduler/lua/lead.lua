-- Become the leader, or stay it.
-- KEYS 1 leader
-- ARGV 1 who asks, 2 lease ms
-- Returns {1, epoch} when the caller leads for another lease, else {0, epoch}. The epoch grows with
-- every change; it is at least the time, so that it does so also after the key was lost.
local now = clock()
local known = redis.call('HMGET', KEYS[1], 'holder', 'till', 'epoch')
local holder, till, epoch = known[1], tonumber(known[2] or 0), tonumber(known[3] or 0)
if till > now + ARGV[2] then
  -- Redis's clock was put back. Nobody may lead for longer than a lease without saying so.
  till = now + ARGV[2]
  redis.call('HSET', KEYS[1], 'till', till)
end
if till > now and holder ~= ARGV[1] then return {0, epoch} end
if till <= now then epoch = math.max(epoch + 1, now) end
redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'till', now + ARGV[2], 'epoch', epoch)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {1, epoch}
