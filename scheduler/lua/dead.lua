-- A page of a tenant's dead letters, newest first. Entries whose records have expired are forgotten on the way.
-- KEYS 1 dead, 2 prefix of job keys, 3 stats
-- ARGV 1 matches to skip, 2 most rows, 3 cube or '', 4 error class or '', 5.. fields of a row
-- Returns {{id, value, ...}, ...}.
local skip, want = tonumber(ARGV[1]), tonumber(ARGV[2])
local rows, skipped = {}, 0
for _, id in ipairs(redis.call('ZREVRANGE', KEYS[1], 0, -1)) do
  local f = redis.call('HMGET', KEYS[2] .. id, 'kind', 'cube', 'error_class')
  if not f[1] then
    redis.call('ZREM', KEYS[1], id)
    redis.call('HINCRBY', KEYS[3], 'dead|now', -1)
  elseif (ARGV[3] == '' or f[2] == ARGV[3]) and (ARGV[4] == '' or f[3] == ARGV[4]) then
    if skipped < skip then
      skipped = skipped + 1
    else
      local row = redis.call('HMGET', KEYS[2] .. id, unpack(ARGV, 5))
      table.insert(row, 1, id)
      rows[#rows + 1] = row
      if #rows == want then break end
    end
  end
end
return rows
