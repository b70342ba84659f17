-- A page of a tenant's records, newest first.
-- KEYS 1 jobs, 2 prefix of job keys
-- ARGV 1 position in the index, 2 most entries to look at, 3 matches to skip, 4 most rows,
--      5 kind or '', 6 state or '', 7 cube or '', 8 oldest and 9 newest submission in us or -inf, +inf; 10.. fields of a row
-- Returns {position to go on from or -1 at the end, matches skipped, {id, value, ...}, ...}.
local position, span = tonumber(ARGV[1]), tonumber(ARGV[2])
local skip, want = tonumber(ARGV[3]), tonumber(ARGV[4])
local wanted = {ARGV[5], ARGV[6], ARGV[7]}
local ids = redis.call('ZRANGE', KEYS[1], ARGV[9], ARGV[8], 'BYSCORE', 'REV', 'LIMIT', position, span)
local page, skipped, gone = {-1, 0}, 0, {}

local function matches(f)
  for i = 1, 3 do
    if wanted[i] ~= '' and f[i] ~= wanted[i] then return false end
  end
  return true
end

for _, id in ipairs(ids) do
  local f = redis.call('HMGET', KEYS[2] .. id, 'kind', 'state', 'cube')
  if not f[1] then
    gone[#gone + 1] = id
  else
    position = position + 1
    if not matches(f) then
    elseif skipped < skip then skipped = skipped + 1
    else
      local row = redis.call('HMGET', KEYS[2] .. id, unpack(ARGV, 10))
      table.insert(row, 1, id)
      page[#page + 1] = row
      if #page - 2 == want then break end
    end
  end
end
for _, id in ipairs(gone) do redis.call('ZREM', KEYS[1], id) end
if #ids == span then page[1] = position end
page[2] = skipped
return page
