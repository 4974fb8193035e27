-- appendInbound: put a follower's message into the inbox of a rule, if somebody holds the rule, there is room, and the node
-- has not told the follower meanwhile that it was not accepted.
-- KEYS 1 replicas 2 inbox
-- ARGV 1 identifier 2 content 3 maxBacklog 4 notAfter (ms; 0: whenever)
-- Returns {'appended', id} | {'unknown_rule'} | {'overloaded'} | {'late'}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if tonumber(ARGV[4]) > 0 and now > tonumber(ARGV[4]) then
  return { 'late' }
end
if redis.call('ZCOUNT', KEYS[1], '(' .. string.format('%.0f', now), '+inf') == 0 then
  return { 'unknown_rule' }
end
if redis.call('XLEN', KEYS[2]) >= tonumber(ARGV[3]) then
  return { 'overloaded' }
end
return { 'appended', redis.call('XADD', KEYS[2], '*', 'from', ARGV[1], 'content', ARGV[2]) }
