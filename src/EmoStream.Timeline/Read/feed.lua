-- One page of the feed: the entries changed after a change number, in order of change, as they stand.
-- KEYS  state feed entries
-- ARGV  1 change number  2 page size
-- Reply latest change number, then entries
local change = redis.call('HGET', KEYS[1], 'change')
if not change then
  return { '0' }
end
if change == ARGV[1] then
  return { change }
end
local ids = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. ARGV[1], '+inf', 'LIMIT', '0', ARGV[2])
if #ids == 0 then
  return { change }
end
local page = redis.call('HMGET', KEYS[3], unpack(ids))
table.insert(page, 1, change)
return page
