-- Keep what a model answered with the jobs it answered for, so that another attempt replays it.
-- KEYS 1..8 of the lane
-- ARGV 3 fence, then pairs: id, text
-- Returns 1, or -1 when the fence is stale.
if not holds(tonumber(ARGV[3])) then return -1 end
for i = 4, #ARGV, 2 do
  local key = KEYS[7] .. ARGV[i]
  if redis.call('EXISTS', key) == 1 then redis.call('HSET', key, 'answer', ARGV[i + 1]) end
end
return 1
