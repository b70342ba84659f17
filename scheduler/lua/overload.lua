-- Set the level of the overload ladder in one shard, and which of its tenants are noisy.
-- KEYS 1 overload
-- ARGV 1 level, 2.. noisy tenants
local now = clock()
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(field, 1, 6) == 'noisy\31' then redis.call('HDEL', KEYS[1], field) end
end
redis.call('HSET', KEYS[1], 'level', ARGV[1], 'set', now)
for i = 2, #ARGV do redis.call('HSET', KEYS[1], 'noisy\31' .. ARGV[i], 1) end
-- A level that nobody renews any more, because no dispatcher is left, must not refuse for ever.
redis.call('PEXPIRE', KEYS[1], 30000)
return 1
