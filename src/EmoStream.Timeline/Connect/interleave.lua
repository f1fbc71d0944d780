-- Looks for 50 ms whether another connection's write gets in between: 1 when scripts are not atomic.
-- KEYS  a key that the other connection keeps incrementing
redis.call('SET', KEYS[1], '0', 'PX', '10000')
local time = redis.call('TIME')
local stop = tonumber(time[1]) * 1000000 + tonumber(time[2]) + 50000
local now = 0
while now < stop do
  for _ = 1, 100 do
    if redis.call('GET', KEYS[1]) ~= '0' then
      return 1
    end
  end
  time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end
return 0
