-- lookAtInbox: how much waits in a rule's inbox, since when, and whether somebody handles it. What it says stays where it is.
-- KEYS 1 replicas 2 inbox
-- ARGV none
-- Returns {'seen', messages that wait, when the oldest of them came or 0, replicas whose lease is live, now}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local live = redis.call('ZCOUNT', KEYS[1], '(' .. string.format('%.0f', now), '+inf')
local head = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
if not head then
  return { 'seen', 0, 0, live, now }
end
return { 'seen', redis.call('XLEN', KEYS[2]), tonumber(string.match(head[1], '^%d+')), live, now }
