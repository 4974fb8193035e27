-- judgeLiveness: decide a follower's liveness edge from its own record, once, whoever found it and however late.
-- KEYS 1 session 2 audit
-- ARGV 1 identifier 2 unstableAfterMs 3 offlineAfterMs 4 nodeChannelPrefix 5 events
-- Returns {'none'|'unstable'|'offline', nextDueAt (0: no longer live), now}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local session = redis.call('HMGET', KEYS[1], 'epoch', 'status', 'lastHeartbeatAt', 'nodeId')
if not session[1] or session[2] == 'offline' then
  return { 'none', 0, now }
end
local heartbeatAt = tonumber(session[3])
local age = now - heartbeatAt
local unstableAfter = tonumber(ARGV[2])
local offlineAfter = tonumber(ARGV[3])

local function edge(status, message)
  redis.call('XADD', KEYS[2], 'MAXLEN', 200, '*', 'event', status, 'previous', session[2], 'reason', 'heartbeat_timeout')
  redis.call('PUBLISH', ARGV[5], cjson.encode({ type = 'status', identifier = ARGV[1], status = status, previous = session[2], reason = 'heartbeat_timeout', at = now }))
  redis.call('PUBLISH', ARGV[4] .. session[4], message)
end

if age > offlineAfter then
  redis.call('HSET', KEYS[1], 'status', 'offline', 'endedAt', now, 'endReason', 'heartbeat_timeout')
  edge('offline', 'x ' .. ARGV[1] .. ' ' .. session[1] .. ' heartbeat_timeout')
  return { 'offline', 0, now }
end
if age > unstableAfter then
  if session[2] == 'unstable' then
    return { 'none', heartbeatAt + offlineAfter + 1, now }
  end
  redis.call('HSET', KEYS[1], 'status', 'unstable')
  edge('unstable', 's ' .. ARGV[1] .. ' ' .. session[1] .. ' unstable')
  return { 'unstable', heartbeatAt + offlineAfter + 1, now }
end
return { 'none', heartbeatAt + unstableAfter + 1, now }
