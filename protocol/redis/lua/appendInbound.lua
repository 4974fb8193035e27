-- appendInbound: put a follower's message into the inbox of a rule, if somebody holds the rule, there is room, and the node
-- has not told the follower meanwhile that it was not accepted. One that came with an id is stored once, however often it is
-- sent: the newest 64 to 128 ids of a follower are known.
-- KEYS 1 replicas 2 inbox 3 seen
-- ARGV 1 identifier 2 content 3 maxBacklog 4 notAfter (ms; 0: whenever) 5 messageId ('': none) 6 digest of the message 7 seenMs
-- Returns {'appended', id} | {'duplicate'} | {'id_conflict'} | {'unknown_rule'} | {'overloaded'} | {'late'}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local messageId = ARGV[5]
if messageId ~= '' then
  local known = redis.call('HGET', KEYS[3], messageId)
  if known then
    return { string.sub(known, string.find(known, ' ', 1, true) + 1) == ARGV[6] and 'duplicate' or 'id_conflict' }
  end
end
if tonumber(ARGV[4]) > 0 and now > tonumber(ARGV[4]) then
  return { 'late' }
end
if redis.call('ZCOUNT', KEYS[1], '(' .. string.format('%.0f', now), '+inf') == 0 then
  return { 'unknown_rule' }
end
if redis.call('XLEN', KEYS[2]) >= tonumber(ARGV[3]) then
  return { 'overloaded' }
end
if messageId == '' then
  return { 'appended', redis.call('XADD', KEYS[2], '*', 'from', ARGV[1], 'content', ARGV[2]) }
end

local entry = redis.call('XADD', KEYS[2], '*', 'from', ARGV[1], 'content', ARGV[2], 'id', messageId)
-- No id begins with `#`: that field counts the ids that were noted so far.
local noted = redis.call('HINCRBY', KEYS[3], '#noted', 1)
redis.call('HSET', KEYS[3], messageId, string.format('%.0f', noted) .. ' ' .. ARGV[6])
if redis.call('HLEN', KEYS[3]) > 129 then
  local fields = redis.call('HGETALL', KEYS[3])
  for index = 1, #fields, 2 do
    local n = string.match(fields[index + 1], '^(%d+) ')
    if n and tonumber(n) <= noted - 64 then
      redis.call('HDEL', KEYS[3], fields[index])
    end
  end
end
redis.call('PEXPIRE', KEYS[3], ARGV[7])
return { 'appended', entry }
