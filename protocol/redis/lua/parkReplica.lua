-- parkReplica: take back what a replica was given that left or whose lease lapsed, some of it at a time. Its lanes are free when
-- all of theirs is back. Of a lost replica the first message of each lane was being handled: that counts as a failed try, and it is
-- a suspect, given alone from then on. The last try is counted only of a message that was alone in the replica. From the first call on the replica cannot renew its lease. The index of dead letters must name the rule before one is made: without
-- that, `last_try` changes nothing.
-- KEYS 1 replicas 2 inbox 3 lanes 4 waiting 5 ready 6 tries 7 deadLetters 8 holder
-- ARGV 1 replicaId 2 maxTries ('' when it left) 3 '1' when the index names the rule 4 count
-- Returns {'parked'} | {'more'} | {'last_try'} | {'live'}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local replica = ARGV[1]
local maxTries = tonumber(ARGV[2])
local lapsesAt = tonumber(redis.call('ZSCORE', KEYS[1], replica) or nil)
if lapsesAt and lapsesAt > now then
  return { 'live' }
end
-- A score of 1: it left of its own accord, whoever parks it.
if lapsesAt == 1 then
  maxTries = nil
end
local group = redis.call('HGET', KEYS[8], 'group') or ''
local pending = redis.pcall('XPENDING', KEYS[2], group, '-', '+', ARGV[4], replica)
if pending.err then
  if string.find(pending.err, 'NOGROUP', 1, true) then
    redis.call('ZREM', KEYS[1], replica)
    return { 'parked' }
  end
  return pending
end

local wasAlone = #pending == 1 and lapsesAt and lapsesAt > 1
-- What is to be done is found first, so that `last_try` is answered before anything is changed.
local messages = {}
local lanes = {}
for index, each in ipairs(pending) do
  local id = each[1]
  local entry = redis.call('XRANGE', KEYS[2], id, id)[1]
  local message = { id = id, fields = entry and entry[2], follower = '' }
  if entry then
    for field = 1, #entry[2], 2 do
      if entry[2][field] == 'from' then
        message.follower = entry[2][field + 1]
      end
    end
    local lane = lanes[message.follower]
    if not lane then
      local owner, given, mark = string.match(redis.call('HGET', KEYS[3], message.follower) or '', '^(%S+) (%d+)(.*)$')
      lane = { mine = owner == replica, given = tonumber(given or 0) }
      lanes[message.follower] = lane
      if lane.mine and mark == '' and maxTries then
        message.tries = tonumber(string.match(redis.call('HGET', KEYS[6], id) or '0', '^%d+')) + 1
        if not wasAlone then
          message.tries = math.min(message.tries, maxTries - 1)
        end
        if message.tries >= maxTries and ARGV[3] ~= '1' then
          return { 'last_try' }
        end
      end
    end
    lane.given = lane.given - 1
  end
  messages[index] = message
end

if lapsesAt and lapsesAt > 1 then
  redis.call('ZADD', KEYS[1], 0, replica)
end
for _, message in ipairs(messages) do
  local id = message.id
  local dead = message.tries and message.tries >= maxTries
  if dead then
    local letter = { 'tries', message.tries, 'reason', 'replica_lost' }
    for index = 1, #message.fields, 2 do
      letter[#letter + 1] = message.fields[index] == 'id' and 'messageId' or message.fields[index]
      letter[#letter + 1] = message.fields[index + 1]
    end
    redis.call('XADD', KEYS[7], '*', unpack(letter))
    local dropped = redis.call('XTRIM', KEYS[7], 'MAXLEN', 1000)
    if dropped > 0 then
      redis.call('HINCRBY', KEYS[8], 'deadDropped', dropped)
    end
  end
  if dead or not message.fields then
    redis.call('XACK', KEYS[2], group, id)
    redis.call('XDEL', KEYS[2], id)
    redis.call('HDEL', KEYS[6], id)
  else
    if message.tries then
      redis.call('HSET', KEYS[6], id, message.tries .. ' lost')
    end
    redis.call('XCLAIM', KEYS[2], group, '-', 0, id, 'JUSTID')
    local ms, seq = string.match(id, '^(%d+)%-(%d+)$')
    redis.call('ZADD', KEYS[4], 0, message.follower .. ' ' .. string.rep('0', 20 - #ms) .. ms .. '-' .. string.rep('0', 20 - #seq) .. seq)
  end
end

local function free(follower)
  redis.call('HDEL', KEYS[3], follower)
  local first = redis.call('ZRANGEBYLEX', KEYS[4], '[' .. follower .. ' ', '(' .. follower .. '!', 'LIMIT', 0, 1)[1]
  if first then
    local ms, seq = string.match(first, ' 0*(%d+)%-0*(%d+)$')
    local isSuspect = string.find(redis.call('HGET', KEYS[6], ms .. '-' .. seq) or '', 'lost', 1, true)
    redis.call('ZADD', KEYS[5], isSuspect and '-' .. ms or ms, follower)
  end
end

for follower, lane in pairs(lanes) do
  if lane.mine and lane.given > 0 then
    -- Not free yet, and its first message was counted.
    redis.call('HSET', KEYS[3], follower, replica .. ' ' .. lane.given .. ' counted')
  elseif lane.mine then
    free(follower)
  end
end
if #messages == tonumber(ARGV[4]) then
  return { 'more' }
end
-- Messages that were deleted by hand were counted in its lanes. Nothing adds to these while this runs, so the scan ends.
local cursor = '0'
repeat
  local page = redis.call('HSCAN', KEYS[3], cursor, 'COUNT', 512)
  cursor = page[1]
  for index = 1, #page[2], 2 do
    if string.match(page[2][index + 1], '^%S+') == replica then
      free(page[2][index])
    end
  end
until cursor == '0'
redis.call('ZREM', KEYS[1], replica)
-- Never with messages pending: they would be in nobody's list.
redis.call('XGROUP', 'DELCONSUMER', KEYS[2], group, replica)
return { 'parked' }
