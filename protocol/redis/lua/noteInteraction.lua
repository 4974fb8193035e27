-- noteInteraction: whether a signed request of Discord is of now, by the clock of Redis, and comes for the first time. It is
-- remembered for longer than it can be of now, so that whoever repeats one is refused by whichever coordinator hears it.
-- KEYS 1 interaction
-- ARGV 1 timestamp (s) 2 windowMs 3 rememberMs
-- Returns {'new'} | {'stale', differenceMs} | {'repeated'}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local difference = now - tonumber(ARGV[1]) * 1000
if math.abs(difference) > tonumber(ARGV[2]) then
  return { 'stale', difference }
end
if not redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[3]) then
  return { 'repeated' }
end
return { 'new' }
