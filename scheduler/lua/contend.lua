-- Say that others wait: whoever drains a lane of this queue lets it go after its batch (see take.lua).
-- KEYS 1 overload
-- ARGV 1 queue, 2 for how long in ms
local now = clock()
redis.call('HSET', KEYS[1], 'contend\31' .. ARGV[1], now + ARGV[2])
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], 30000) end
return 1
