-- Commits one batch of a conversation: everything or nothing. Every value is absolute, so running it twice is harmless.
-- KEYS  state context entries order feed speakers
-- ARGV  1 epoch  2 previous change  3 new change  4 field of the source's offset  5 offset  6 grain bytes  7 channel
--       8 values for entries (id, json)  9 for order (sequence, id)  10 for feed (change, id)
--       11 for context (id, row)  12 for context to drop (id)  13 for speakers (id, json)  then those values in this order
-- Reply 0 committed  1 was committed before  2 stale epoch  3 stored change is not the previous one
local state = redis.call('HMGET', KEYS[1], 'epoch', 'change', ARGV[4])
if state[1] ~= ARGV[1] then
  return 2
end
local change = state[2] or '0'
if change ~= ARGV[2] then
  -- The writer did not get the first answer: the same change number and offset can only be this very commit.
  if change == ARGV[3] and state[3] and tonumber(state[3]) >= tonumber(ARGV[5]) then
    return 1
  end
  return 3
end

-- A command that fails ends the script and undoes nothing, so a key of another type must show before the first write.
redis.call('HLEN', KEYS[2])
redis.call('HLEN', KEYS[3])
redis.call('ZCARD', KEYS[4])
redis.call('ZCARD', KEYS[5])
redis.call('HLEN', KEYS[6])

redis.call('HSET', KEYS[1], 'change', ARGV[3], ARGV[4], ARGV[5], 'grain', ARGV[6])

-- ARGV already has the order of each command's arguments, so slices of it are passed on as they are. Lua's stack takes
-- about 8000 values; 4000 is even, so that no pair is torn apart.
local at = 14
local function write(command, key, count)
  local last = at + tonumber(count) - 1
  while at <= last do
    local to = at + 3999
    if to > last then
      to = last
    end
    redis.call(command, key, unpack(ARGV, at, to))
    at = to + 1
  end
end
write('HSET', KEYS[3], ARGV[8])
write('ZADD', KEYS[4], ARGV[9])
write('ZADD', KEYS[5], ARGV[10])
write('HSET', KEYS[2], ARGV[11])
write('HDEL', KEYS[2], ARGV[12])
write('HSET', KEYS[6], ARGV[13])

if change ~= ARGV[3] then
  redis.call('PUBLISH', ARGV[7], ARGV[3])
end
return 0
