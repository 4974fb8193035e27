-- beatSession: a heartbeat of the owner. One of an older epoch, or of a session that ended, changes nothing.
-- KEYS 1 session 2 audit
-- ARGV 1 identifier 2 epoch 3 events
-- Returns {'alive', now} | {'stale'}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local session = redis.call('HMGET', KEYS[1], 'epoch', 'status')
if session[1] ~= ARGV[2] or session[2] == 'offline' then
  return { 'stale' }
end
redis.call('HSET', KEYS[1], 'lastHeartbeatAt', now, 'status', 'online')
if session[2] ~= 'online' then
  redis.call('XADD', KEYS[2], 'MAXLEN', 200, '*', 'event', 'online', 'previous', session[2], 'reason', 'heartbeat')
  redis.call('PUBLISH', ARGV[3], cjson.encode({ type = 'status', identifier = ARGV[1], status = 'online', previous = session[2], reason = 'heartbeat', at = now }))
end
return { 'alive', now }
