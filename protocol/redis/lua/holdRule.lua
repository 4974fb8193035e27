-- holdRule: hold a rule for a group, as one of its replicas, or go on holding it. A rule whose replicas all lapsed is free:
-- another group may take it, and what waits in the inbox with it.
-- KEYS 1 holder 2 replicas 3 inbox
-- ARGV 1 group 2 replicaId 3 leaseMs 4 maxReplicas
-- Returns {'held'} | {'refused', group that holds it} | {'full'}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local replicas = redis.call('ZCARD', KEYS[2])
local group = redis.call('HGET', KEYS[1], 'group')
if group and group ~= ARGV[1] then
  if replicas > 0 then
    return { 'refused', group }
  end
  redis.pcall('XGROUP', 'DESTROY', KEYS[3], group)
end
if replicas >= tonumber(ARGV[4]) and not redis.call('ZSCORE', KEYS[2], ARGV[2]) then
  return { 'full' }
end
redis.call('HSET', KEYS[1], 'group', ARGV[1], 'heldAt', now)
local made = redis.pcall('XGROUP', 'CREATE', KEYS[3], ARGV[1], '0', 'MKSTREAM')
if made.err and not string.find(made.err, 'BUSYGROUP', 1, true) then
  return made
end
redis.call('ZADD', KEYS[2], now + tonumber(ARGV[3]), ARGV[2])
return { 'held' }
