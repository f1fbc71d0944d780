-- Notes that everything below an offset is on the timelines.
-- KEYS  the partition's watermark
-- ARGV  1 the owner's epoch  2 offset  3 life of Redis
-- Reply 1 noted  0 a later owner has claimed the partition
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if epoch and tonumber(epoch) > tonumber(ARGV[1]) then
  return 0
end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'offset', ARGV[2], 'life', ARGV[3])
return 1
