-- failInbound: a try to handle a message failed, and its replica is still there: it is no suspect any more. After the last one it is a dead letter, and its lane goes on. The index of
-- dead letters must name the rule before: without that, `last_try` changes nothing.
-- KEYS 1 inbox 2 lanes 3 waiting 4 ready 5 tries 6 deadLetters 7 holder
-- ARGV 1 group 2 replicaId 3 id 4 follower 5 attempt 6 reason 7 maxTries 8 '1' when the index names the rule
-- Returns {'again', failed tries} | {'last_try'} | {'dead'} | {'gone'}
local id, follower = ARGV[3], ARGV[4]
local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], id, id, 1)
if pending.err and not string.find(pending.err, 'NOGROUP', 1, true) then
  return pending
end
if not pending[1] or pending[1][2] ~= ARGV[2] then
  return { 'gone' }
end
-- Not counted up: the answer to the first call may have been lost.
local tries = math.max(tonumber(string.match(redis.call('HGET', KEYS[5], id) or '0', '^%d+')), tonumber(ARGV[5]))
if tries < tonumber(ARGV[7]) then
  redis.call('HSET', KEYS[5], id, tries)
  return { 'again', tries }
end
if ARGV[8] ~= '1' then
  return { 'last_try' }
end

local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
if entry then
  local letter = { 'tries', tries, 'reason', ARGV[6] }
  for index = 1, #entry[2], 2 do
    letter[#letter + 1] = entry[2][index] == 'id' and 'messageId' or entry[2][index]
    letter[#letter + 1] = entry[2][index + 1]
  end
  redis.call('XADD', KEYS[6], '*', unpack(letter))
  local dropped = redis.call('XTRIM', KEYS[6], 'MAXLEN', 1000)
  if dropped > 0 then
    redis.call('HINCRBY', KEYS[7], 'deadDropped', dropped)
  end
end
redis.call('XACK', KEYS[1], ARGV[1], id)
redis.call('XDEL', KEYS[1], id)
redis.call('HDEL', KEYS[5], id)
local owner, given, mark = string.match(redis.call('HGET', KEYS[2], follower) or '', '^(%S+) (%d+)(.*)$')
if owner == ARGV[2] and tonumber(given) > 1 then
  redis.call('HSET', KEYS[2], follower, owner .. ' ' .. (tonumber(given) - 1) .. mark)
elseif owner == ARGV[2] then
  redis.call('HDEL', KEYS[2], follower)
  local first = redis.call('ZRANGEBYLEX', KEYS[3], '[' .. follower .. ' ', '(' .. follower .. '!', 'LIMIT', 0, 1)[1]
  if first then
    local ms, seq = string.match(first, ' 0*(%d+)%-0*(%d+)$')
    local isSuspect = string.find(redis.call('HGET', KEYS[5], ms .. '-' .. seq) or '', 'lost', 1, true)
    redis.call('ZADD', KEYS[4], isSuspect and '-' .. ms or ms, follower)
  end
end
return { 'dead' }
