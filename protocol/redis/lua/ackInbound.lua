-- ackInbound: messages were handled: each leaves the group's pending list and the stream together, and the lane of its follower
-- is free after the last one that the replica had. A message that was taken from the replica meanwhile counts as handled too,
-- unless another one that holds the rule was given it.
-- KEYS 1 replicas 2 inbox 3 lanes 4 waiting 5 ready 6 tries
-- ARGV 1 group 2 replicaId 3.. id and follower of each
-- Returns {'acked', count, lanes that are free now and have messages}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local group, me = ARGV[1], ARGV[2]

local function waitingOf(follower)
  return redis.call('ZRANGEBYLEX', KEYS[4], '[' .. follower .. ' ', '(' .. follower .. '!', 'LIMIT', 0, 1)[1]
end

-- Below 0: the first was begun by a replica that was lost, and is given alone.
local function setReady(follower, first)
  local ms, seq = string.match(first, ' 0*(%d+)%-0*(%d+)$')
  local isSuspect = string.find(redis.call('HGET', KEYS[6], ms .. '-' .. seq) or '', 'lost', 1, true)
  redis.call('ZADD', KEYS[5], isSuspect and '-' .. ms or ms, follower)
end

local ids = {}
-- By lane and the replica that had it.
local done = {}
for index = 3, #ARGV, 2 do
  local id, follower = ARGV[index], ARGV[index + 1]
  local pending = redis.pcall('XPENDING', KEYS[2], group, id, id, 1)
  if pending.err then
    if string.find(pending.err, 'NOGROUP', 1, true) then
      return { 'acked', 0, 0 }
    end
    return pending
  end
  local owner = pending[1] and pending[1][2]
  local lapsesAt = owner and owner ~= me and owner ~= '-' and redis.call('ZSCORE', KEYS[1], owner)
  if not lapsesAt or tonumber(lapsesAt) <= now then
    ids[#ids + 1] = id
    if owner == '-' then
      local ms, seq = string.match(id, '^(%d+)%-(%d+)$')
      redis.call('ZREM', KEYS[4], follower .. ' ' .. string.rep('0', 20 - #ms) .. ms .. '-' .. string.rep('0', 20 - #seq) .. seq)
      if redis.call('ZREM', KEYS[5], follower) == 1 then
        local first = waitingOf(follower)
        if first then
          setReady(follower, first)
        end
      end
    elseif owner then
      local lane = follower .. ' ' .. owner
      done[lane] = (done[lane] or 0) + 1
    end
  end
end
if #ids == 0 then
  return { 'acked', 0, 0 }
end
local count = redis.call('XACK', KEYS[2], group, unpack(ids))
redis.call('XDEL', KEYS[2], unpack(ids))
redis.call('HDEL', KEYS[6], unpack(ids))

local freed = 0
local anyWaits = redis.call('EXISTS', KEYS[4]) == 1
for lane, acked in pairs(done) do
  local follower, had = string.match(lane, '^(%S*) (%S+)$')
  local owner, given, mark = string.match(redis.call('HGET', KEYS[3], follower) or '', '^(%S+) (%d+)(.*)$')
  if owner == had and tonumber(given) > acked then
    redis.call('HSET', KEYS[3], follower, owner .. ' ' .. (tonumber(given) - acked) .. mark)
  elseif owner == had then
    redis.call('HDEL', KEYS[3], follower)
    local first = anyWaits and waitingOf(follower)
    if first then
      setReady(follower, first)
      freed = freed + 1
    end
  end
end
return { 'acked', count, freed }
