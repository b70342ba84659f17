-- Which tenants of a shard have a turn now?
-- KEYS the shard's tenants set of each kind
-- ARGV 1 most tenants of a kind
-- Returns {now ms, time of the next turn that is not due yet in ms or -1, {tenant, turn in us, ...} for each key}.
local now, micros = clock()
local answer, soonest = {now, -1}, nil
for k = 1, #KEYS do
  local due = {}
  local waiting = redis.call('ZRANGE', KEYS[k], 0, ARGV[1] - 1, 'WITHSCORES')
  for i = 1, #waiting, 2 do
    local turn = tonumber(waiting[i + 1])
    if turn > micros / 1000 then
      if not soonest or turn < soonest then soonest = turn end
      break
    end
    due[#due + 1] = waiting[i]
    due[#due + 1] = math.floor(turn * 1000)
  end
  answer[#answer + 1] = due
end
if soonest then answer[2] = math.ceil(soonest) end
return answer
