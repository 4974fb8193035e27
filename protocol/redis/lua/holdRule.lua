-- holdRule: hold a rule for a group, as one of its replicas, or go on holding it. A rule whose replicas all lapsed is free:
-- another group may take it, and what waits in the inbox with it. Names the replicas whose lease lapsed over messages that
-- they were given, for the caller to park, unless the caller's own lapsed: then Redis was away, and the others come back too.
-- KEYS 1 holder 2 replicas 3 inbox 4 lanes 5 waiting 6 ready 7 tries
-- ARGV 1 group 2 replicaId 3 leaseMs 4 maxReplicas 5 '1' when it held the rule under this id before
-- Returns {'held', lapsed replicas...} | {'refused', group that holds it} | {'full'} | {'lost'}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local live = redis.call('ZCOUNT', KEYS[2], '(' .. string.format('%.0f', now), '+inf')
local group = redis.call('HGET', KEYS[1], 'group')
local changes = group and group ~= ARGV[1]
if changes and live > 0 then
  return { 'refused', group }
end
local lapsesAt = not changes and tonumber(redis.call('ZSCORE', KEYS[2], ARGV[2]) or nil)
-- A score of 0 or 1: it is being parked, or left, and may not come back under this id.
if (lapsesAt and lapsesAt <= 1) or (ARGV[5] == '1' and not lapsesAt) then
  return { 'lost' }
end
if live >= tonumber(ARGV[4]) and not (lapsesAt and lapsesAt > now) then
  return { 'full' }
end
if changes then
  redis.pcall('XGROUP', 'DESTROY', KEYS[3], group)
  redis.call('DEL', KEYS[2])
end
local made = redis.pcall('XGROUP', 'CREATE', KEYS[3], ARGV[1], '0', 'MKSTREAM')
if not made.err then
  -- A new group reads the inbox from its beginning.
  redis.call('DEL', KEYS[4], KEYS[5], KEYS[6], KEYS[7])
elseif not string.find(made.err, 'BUSYGROUP', 1, true) then
  return made
end
redis.call('HSET', KEYS[1], 'group', ARGV[1], 'heldAt', now)
redis.call('ZADD', KEYS[2], now + tonumber(ARGV[3]), ARGV[2])

local reply = { 'held' }
if not lapsesAt or lapsesAt > now then
  for _, lapsed in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 8)) do
    if redis.call('XPENDING', KEYS[3], ARGV[1], '-', '+', 1, lapsed)[1] then
      reply[#reply + 1] = lapsed
    else
      redis.call('ZREM', KEYS[2], lapsed)
      redis.call('XGROUP', 'DELCONSUMER', KEYS[3], ARGV[1], lapsed)
    end
  end
end
return reply
