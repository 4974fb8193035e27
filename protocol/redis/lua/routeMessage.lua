-- routeMessage: find the owner of a follower's session and publish to its node's channel. No receiver means that the node
-- is dead (on a Redis Cluster the count is local to one server, so the sender also watches for the receipt).
-- KEYS 1 session 2 trust
-- ARGV 1 identifier 2 messageId 3 senderId 4 nodeChannelPrefix 5 frame 6 ' r' when a record is kept of the message, else ''
-- Returns {'routed', nodeId, receivers, epoch} | {'offline', reason, lastSeenAt, nodeId, now}
local session = redis.call('HMGET', KEYS[1], 'epoch', 'nodeId', 'status', 'lastHeartbeatAt', 'endReason', 'endedAt')
if session[1] and session[3] ~= 'offline' then
  local receivers = redis.call('PUBLISH', ARGV[4] .. session[2],
    'm ' .. session[1] .. ' ' .. ARGV[2] .. ' ' .. ARGV[3] .. ' ' .. ARGV[1] .. ARGV[6] .. '\n' .. ARGV[5])
  return { 'routed', session[2], receivers, session[1] }
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if not session[1] then
  local known = redis.call('EXISTS', KEYS[2]) == 1
  return { 'offline', known and 'never_connected' or 'unknown_identifier', 0, '', now }
end
return { 'offline', session[5] or 'disconnected', tonumber(session[6] or session[4]), session[2], now }
