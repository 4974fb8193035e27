-- lookAtQueue: how much waits in a follower's queue, and since when. What it says stays where it is.
-- KEYS 1 queue 2 messages
-- ARGV none
-- Returns {'seen', messages that wait, when the oldest of them was queued or 0, now}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local head = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
if not head then
  return { 'seen', 0, 0, now }
end
local record = redis.call('HGET', KEYS[2], head[2][2]) or ''
local queuedAt = string.match(record, '^%S+ %S+ %S+ %S+ %S+ (%d+)')
return { 'seen', redis.call('XLEN', KEYS[1]), tonumber(queuedAt or 0), now }
