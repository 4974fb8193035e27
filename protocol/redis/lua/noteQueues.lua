-- noteQueues: see to it that queues are looked at within a time, at the latest. A time that is over is moved as well, so that a sweep
-- that is looking finds the entry changed and leaves it.
-- KEYS 1 queues
-- ARGV for each queue: identifier, withinMs
-- Returns {'noted', now, then for each queue when it is looked at}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local reply = { 'noted', now }
for i = 1, #ARGV, 2 do
  local dueAt = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[i]) or math.huge)
  if dueAt <= now or dueAt > now + tonumber(ARGV[i + 1]) then
    dueAt = dueAt <= now and now + 1 or now + tonumber(ARGV[i + 1])
    redis.call('ZADD', KEYS[1], dueAt, ARGV[i])
  end
  reply[#reply + 1] = dueAt
end
return reply
