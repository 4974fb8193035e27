-- takeInbound: give a replica messages to handle, oldest first. The messages of one follower are a lane: while a replica has
-- any of them, no other gets the next ones. They wait then, read and given to nobody, until their lane is free. A suspect, which
-- was begun by a replica that was lost, is given alone: to a replica that has nothing, and nothing else with it. One replica is
-- given nothing until it has nothing, where a suspect waits.
-- KEYS 1 replicas 2 inbox 3 lanes 4 waiting 5 ready 6 tries
-- ARGV 1 group 2 replicaId 3 lanes it has room for 4 messages it has room for 5 messages of one lane
-- Returns {'taken', count, id up to which all is given when there is no more, (id, from, content, messageId, failed tries) of each} | {'alone'} | {'lapsed'}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local group, me = ARGV[1], ARGV[2]
local lapsesAt = redis.call('ZSCORE', KEYS[1], me)
if not lapsesAt or tonumber(lapsesAt) <= now then
  return { 'lapsed' }
end

local lanesLeft, left, perLane = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local reply = { 'taken', 0, '' }
local anyTries = redis.call('EXISTS', KEYS[6]) == 1

local function triesOf(id)
  return anyTries and redis.call('HGET', KEYS[6], id) or '0'
end

local function isSuspect(id)
  return string.find(triesOf(id), 'lost', 1, true) ~= nil
end

local function idOf(member)
  local ms, seq = string.match(member, ' 0*(%d+)%-0*(%d+)$')
  return ms .. '-' .. seq
end

local function fieldsOf(entry)
  local fields = {}
  for index = 1, #entry[2], 2 do
    fields[entry[2][index]] = entry[2][index + 1]
  end
  return fields
end

local function give(entry, fields)
  local place = #reply
  reply[place + 1] = entry[1]
  reply[place + 2] = fields['from'] or ''
  reply[place + 3] = fields['content'] or ''
  reply[place + 4] = fields['id'] or ''
  reply[place + 5] = tonumber(string.match(triesOf(entry[1]), '^%d+'))
  reply[2] = reply[2] + 1
  left = left - 1
end

local function waitingOf(follower, count)
  return redis.call('ZRANGEBYLEX', KEYS[4], '[' .. follower .. ' ', '(' .. follower .. '!', 'LIMIT', 0, count)
end

local function setReady(follower)
  local first = waitingOf(follower, 1)[1]
  if first then
    local ms = string.match(first, ' 0*(%d+)%-')
    redis.call('ZADD', KEYS[5], isSuspect(idOf(first)) and '-' .. ms or ms, follower)
  end
end

-- Of the live replicas the first by name: the one that makes room for a suspect.
local function isFirst()
  for _, other in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. string.format('%.0f', now), '+inf')) do
    if other < me then
      return false
    end
  end
  return true
end

local turns = 0
if anyTries then
  local mine = redis.call('XPENDING', KEYS[2], group, '-', '+', 1, me)[1]
  if mine and isSuspect(mine[1]) then
    return { 'alone' }
  end
  while turns < 256 do
    turns = turns + 1
    local follower = redis.call('ZREVRANGEBYSCORE', KEYS[5], '(0', '-inf', 'LIMIT', 0, 1)[1]
    if not follower then
      break
    end
    if mine then
      if isFirst() then
        return { 'alone' }
      end
      break
    end
    redis.call('ZREM', KEYS[5], follower)
    local member = waitingOf(follower, 1)[1]
    local id = member and idOf(member)
    if id and isSuspect(id) then
      redis.call('ZREM', KEYS[4], member)
      local entry = redis.call('XCLAIM', KEYS[2], group, me, 0, id)[1]
      if entry then
        give(entry, fieldsOf(entry))
        redis.call('HSET', KEYS[3], follower, me .. ' 1')
        return reply
      end
      redis.call('HDEL', KEYS[6], id)
    end
    setReady(follower)
  end
end

-- Lanes that are free and have messages that were read before, the longest waiting first.
while lanesLeft > 0 and left > 0 and turns < 256 do
  turns = turns + 1
  local follower = redis.call('ZRANGEBYSCORE', KEYS[5], 0, '+inf', 'LIMIT', 0, 1)[1]
  if not follower then
    break
  end
  redis.call('ZREM', KEYS[5], follower)
  local members = waitingOf(follower, math.min(perLane, left))
  local ids = {}
  for index, member in ipairs(members) do
    ids[index] = idOf(member)
    if isSuspect(ids[index]) then
      ids[index] = nil
      break
    end
  end
  if #ids == 0 then
    setReady(follower)
  else
    redis.call('ZREM', KEYS[4], unpack(members, 1, #ids))
    local entries = redis.call('XCLAIM', KEYS[2], group, me, 0, unpack(ids))
    for _, entry in ipairs(entries) do
      give(entry, fieldsOf(entry))
    end
    if #entries > 0 then
      redis.call('HSET', KEYS[3], follower, me .. ' ' .. #entries)
      lanesLeft = lanesLeft - 1
    else
      setReady(follower)
    end
  end
end

-- Then what nobody read yet.
local scanned = 0
while lanesLeft > 0 and left > 0 and turns < 256 and scanned < 256 do
  local count = math.min(lanesLeft, left, 256 - scanned)
  local read = redis.call('XREADGROUP', 'GROUP', group, me, 'COUNT', count, 'STREAMS', KEYS[2], '>')
  local entries = read and read[1][2] or {}
  scanned = scanned + #entries
  for _, entry in ipairs(entries) do
    local fields = fieldsOf(entry)
    local follower = fields['from'] or ''
    local owner, given = string.match(redis.call('HGET', KEYS[3], follower) or '', '^(%S+) (%d+)')
    if owner and owner ~= me and not redis.call('ZSCORE', KEYS[1], owner) then
      -- Its messages vanished from the inbox and the replica is gone: nobody would free the lane.
      redis.call('HDEL', KEYS[3], follower)
      owner = nil
    end
    local mayGive = not owner or (owner == me and tonumber(given) < perLane)
    if mayGive and not waitingOf(follower, 1)[1] then
      redis.call('HSET', KEYS[3], follower, me .. ' ' .. (owner and tonumber(given) + 1 or 1))
      if not owner then
        lanesLeft = lanesLeft - 1
      end
      give(entry, fields)
    else
      redis.call('XCLAIM', KEYS[2], group, '-', 0, entry[1], 'JUSTID')
      local ms, seq = string.match(entry[1], '^(%d+)%-(%d+)$')
      redis.call('ZADD', KEYS[4], 0, follower .. ' ' .. string.rep('0', 20 - #ms) .. ms .. '-' .. string.rep('0', 20 - #seq) .. seq)
      if not owner then
        setReady(follower)
      end
    end
  end
  if #entries < count then
    for _, each in ipairs(redis.call('XINFO', 'GROUPS', KEYS[2])) do
      local info = {}
      for index = 1, #each, 2 do
        info[each[index]] = each[index + 1]
      end
      if info['name'] == group then
        reply[3] = info['last-delivered-id']
      end
    end
    break
  end
end
return reply
