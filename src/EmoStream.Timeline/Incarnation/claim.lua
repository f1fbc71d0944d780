-- Takes a partition over.
-- KEYS  its watermark
-- ARGV  1 now in Unix ms
-- Reply epoch, offset (nil where none), the life of Redis in which that was noted
--
-- The epoch also follows the clock, as in open.lua: a counter that was lost must not give a number out twice.
local stored = redis.call('HMGET', KEYS[1], 'epoch', 'offset', 'life')
local epoch = (tonumber(stored[1]) or 0) + 1
local now = tonumber(ARGV[1])
if epoch < now then
  epoch = now
end
local text = string.format('%.0f', epoch)
redis.call('HSET', KEYS[1], 'epoch', text)
return { text, stored[2], stored[3] }
