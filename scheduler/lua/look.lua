-- Which tenants of a shard have a turn now, and how much is in flight?
-- KEYS 1 prefix of policies, then for each queue: tenants, flight, flying
-- ARGV 1 most tenants of a queue, 2 most slots of a tenant that has no number of its own (0: any)
-- Returns {now ms, time of the next turn that is not due yet in ms or -1,
--          {slots in flight, tenant, turn in us, weight, room, ...} for each queue}.
local now, micros = clock()
local answer, soonest = {now, -1}, nil

local function room_of(tenant, slots, flying)
  if slots == 0 then return 1000000 end
  return math.max(0, slots - tonumber(redis.call('HGET', flying, tenant) or 0))
end

for k = 2, #KEYS, 3 do
  local due = {redis.call('ZCOUNT', KEYS[k + 1], now, '+inf')}
  local waiting = redis.call('ZRANGE', KEYS[k], 0, ARGV[1] - 1, 'WITHSCORES')
  for i = 1, #waiting, 2 do
    local tenant, turn = waiting[i], tonumber(waiting[i + 1])
    if turn > micros / 1000 then
      if not soonest or turn < soonest then soonest = turn end
      break
    end
    local own = redis.call('HMGET', KEYS[1] .. tenant, 'weight', 'max_in_flight')
    due[#due + 1] = tenant
    due[#due + 1] = math.floor(turn * 1000)
    due[#due + 1] = own[1] or '1'
    due[#due + 1] = room_of(tenant, tonumber(own[2] or ARGV[2]), KEYS[k + 2])
  end
  answer[#answer + 1] = due
end
if soonest then answer[2] = math.ceil(soonest) end
return answer
