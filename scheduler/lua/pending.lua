-- The payloads of a lane's unfinished jobs, oldest first.
-- KEYS 1..16 of the lane
-- Returns the texts.
local texts = {}
for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  texts[#texts + 1] = redis.call('HGET', KEYS[7] .. id, 'payload') or nil
end
return texts
