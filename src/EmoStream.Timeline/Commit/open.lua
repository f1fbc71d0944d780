-- Takes a conversation over: raises its epoch and returns all that is stored.
-- KEYS  state context entries order feed speakers
-- ARGV  1 now in Unix ms
-- Reply state and context (field, value, ...), the context's entries in its order (nil where missing), utterance ids by
--       sequence, speakers
--
-- The epoch also follows the clock: when Redis loses writes, a bare counter would give an epoch out a second time while
-- its first owner still lives.
local epoch = (tonumber(redis.call('HGET', KEYS[1], 'epoch')) or 0) + 1
local now = tonumber(ARGV[1])
if epoch < now then
  epoch = now
end
redis.call('HSET', KEYS[1], 'epoch', string.format('%.0f', epoch))

local context = redis.call('HGETALL', KEYS[2])
local entries = {}
for i = 1, #context, 2 do
  entries[#entries + 1] = redis.call('HGET', KEYS[3], context[i])
end
return {
  redis.call('HGETALL', KEYS[1]),
  context,
  entries,
  redis.call('ZRANGE', KEYS[4], 0, -1),
  redis.call('HVALS', KEYS[6])
}
