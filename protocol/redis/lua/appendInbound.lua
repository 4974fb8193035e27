-- appendInbound: put a follower's message into the inbox of a rule, if somebody holds the rule and there is room.
-- KEYS 1 replicas 2 inbox
-- ARGV 1 identifier 2 content 3 maxBacklog
-- Returns {'appended', id} | {'unknown_rule'} | {'overloaded'}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('ZCOUNT', KEYS[1], '(' .. string.format('%.0f', now), '+inf') == 0 then
  return { 'unknown_rule' }
end
if redis.call('XLEN', KEYS[2]) >= tonumber(ARGV[3]) then
  return { 'overloaded' }
end
return { 'appended', redis.call('XADD', KEYS[2], '*', 'from', ARGV[1], 'content', ARGV[2]) }
