-- Takes a partition over.
-- KEYS  its watermark
-- ARGV  1 now in Unix ms  2 the epoch of an owner that claims anew, empty of one that takes over
-- Reply epoch, offset (nil where none), the life of Redis in which that was noted; nil: a later owner has claimed it
--
-- The epoch also follows the clock, as in open.lua: a counter that was lost must not give a number out twice.
-- An owner that did not get the answer to its claim comes again with the epoch it had before: that is what 'from' remembers.
local stored = redis.call('HMGET', KEYS[1], 'epoch', 'offset', 'life', 'from')
local epoch, now, held = tonumber(stored[1]) or 0, tonumber(ARGV[1]), tonumber(ARGV[2])
if held and epoch > held and tonumber(stored[4]) ~= held then
  return false
end
local text = string.format('%.0f', math.max(epoch + 1, now))
redis.call('HSET', KEYS[1], 'epoch', text, 'from', ARGV[2])
return { text, stored[2], stored[3] }
