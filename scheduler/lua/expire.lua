-- Forget what is too old to be kept of one tenant: dead letters whose records have expired, tokens of past days.
-- KEYS 1 dead, 2 usage, 3 stats
-- ARGV 1 lifetime of a record in s, 2 how many days of usage are kept
-- Returns {dead letters forgotten, days forgotten}.
local now = clock()
local letters = redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[1] * 1000)
if letters > 0 then redis.call('HINCRBY', KEYS[3], 'dead|now', -letters) end
local days, oldest = 0, math.floor(now / 86400000) - ARGV[2]
for _, field in ipairs(redis.call('HKEYS', KEYS[2])) do
  local day = string.match(field, '^day|(%d+)$')
  if day and tonumber(day) < oldest then days = days + redis.call('HDEL', KEYS[2], field) end
end
return {letters, days}
