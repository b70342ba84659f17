-- Count one use of each memory, and of no more memories than there may be: the least used go first.
-- KEYS 1 uses of the cube: memory -> level, log2 of the sum of 2^level over its uses
-- ARGV 1 level of this use, 2 most memories, 3 lifetime in s, then the memories
-- Returns 0.
local function join(one, other)
  local high, low = math.max(one, other), math.min(one, other)
  return high + math.log(1 + 2 ^ (low - high)) / math.log(2)
end
local use = tonumber(ARGV[1])
for i = 4, #ARGV do
  local known = redis.call('ZSCORE', KEYS[1], ARGV[i])
  local level = known and join(tonumber(known), use) or use
  redis.call('ZADD', KEYS[1], string.format('%.17g', level), ARGV[i])
end
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -tonumber(ARGV[2]) - 1)
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 0
