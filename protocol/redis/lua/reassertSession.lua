-- reassertSession: a node says that it still holds this session: after Redis was away, and now and then. It holds it
-- unless a newer epoch exists, the trust changed, or a sweep ended it for its silence; a session that was only given up
-- because its node seemed dead, or that Redis lost, is taken up again.
-- KEYS 1 session 2 trust 3 audit 4 queue 5 messages 6 gaps
-- ARGV 1 identifier 2 epoch 3 nodeId 4 connectionId 5 trustVersion 6 idleMs (since the last heartbeat, by the node)
--      7 address 8 authenticatedAt 9 events
-- Returns {'kept', now, status, lastHeartbeatAt, lastSeq, waiting, gaps} | {'superseded'} | {'not_allowed'} | {'revoked'} | {'ended', endReason}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local session = redis.call('HMGET', KEYS[1], 'epoch', 'status', 'endReason', 'lastHeartbeatAt')
local stored = tonumber(session[1] or 0)
local epoch = tonumber(ARGV[2])
if stored > epoch then
  return { 'superseded' }
end
local trust = redis.call('HMGET', KEYS[2], 'allowed', 'version', 'publicKey')
if trust[1] ~= '1' then
  return { 'not_allowed' }
end
if trust[2] ~= ARGV[5] or not trust[3] then
  return { 'revoked' }
end
local same = stored == epoch
if same and session[2] == 'offline' and session[3] ~= 'node_lost' then
  return { 'ended', session[3] or '' }
end
local heartbeatAt = now - tonumber(ARGV[6])
if same then
  heartbeatAt = math.max(heartbeatAt, tonumber(session[4] or 0))
end
local status = same and session[2] or 'offline'
if status == 'offline' then
  redis.call('XADD', KEYS[3], 'MAXLEN', 200, '*', 'event', 'online', 'previous', 'offline', 'reason', 'reasserted')
  redis.call('PUBLISH', ARGV[9], cjson.encode({ type = 'status', identifier = ARGV[1], status = 'online', previous = 'offline', reason = 'reasserted', at = now }))
  status = 'online'
end
redis.call('HSET', KEYS[1], 'epoch', ARGV[2], 'nodeId', ARGV[3], 'connectionId', ARGV[4], 'status', status,
  'trustVersion', ARGV[5], 'address', ARGV[7], 'authenticatedAt', ARGV[8], 'lastHeartbeatAt', heartbeatAt)
redis.call('HDEL', KEYS[1], 'endedAt', 'endReason')
local seq = redis.call('HGET', KEYS[5], '#seq')
local waiting = seq and redis.call('XLEN', KEYS[4]) or 0
local gaps = seq and redis.call('ZCARD', KEYS[6]) or 0
return { 'kept', now, status, heartbeatAt, tonumber(seq or 0), waiting, gaps }
