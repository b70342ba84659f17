-- Keep what a model answered with the jobs it answered for, so that another attempt replays it.
-- KEYS 1..16 of the lane
-- ARGV 4 fence, then pairs: id, text
-- Returns {1, ids that somebody wants cancelled ...}, or {-1} when the fence is stale.
if not holds(tonumber(ARGV[4])) then return {refuse_stale('save_answers')} end
local answer = {1}
for i = 5, #ARGV, 2 do
  local key = KEYS[7] .. ARGV[i]
  local f = redis.call('HMGET', key, 'kind', 'cancel')
  if f[1] then redis.call('HSET', key, 'answer', ARGV[i + 1]) end
  if f[2] == '1' then answer[#answer + 1] = ARGV[i] end
end
return answer
