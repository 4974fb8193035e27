-- setAllowed: put an identifier on the allowlist, or take it off, which ends its live session and leaves its trust.
-- KEYS 1 trust 2 session 3 audit
-- ARGV 1 identifier 2 '1'|'0' 3 nodeChannelPrefix 4 events
-- Returns {'changed', nodeId of the session that ended or ''} | {'unchanged', ''}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local allowed = redis.call('HGET', KEYS[1], 'allowed')
if (allowed or '0') == ARGV[2] then
  return { 'unchanged', '' }
end
redis.call('HSET', KEYS[1], 'allowed', ARGV[2])
redis.call('HSETNX', KEYS[1], 'version', 0)
redis.call('XADD', KEYS[3], 'MAXLEN', 200, '*', 'event', ARGV[2] == '1' and 'allowed' or 'disallowed')
local session = redis.call('HMGET', KEYS[2], 'epoch', 'nodeId', 'status')
if ARGV[2] == '1' or not session[1] or session[3] == 'offline' then
  return { 'changed', '' }
end
redis.call('HSET', KEYS[2], 'status', 'offline', 'endedAt', now, 'endReason', 'identifier_not_allowed')
redis.call('XADD', KEYS[3], 'MAXLEN', 200, '*', 'event', 'offline', 'previous', session[3], 'reason', 'identifier_not_allowed')
redis.call('PUBLISH', ARGV[3] .. session[2], 'x ' .. ARGV[1] .. ' ' .. session[1] .. ' identifier_not_allowed')
redis.call('PUBLISH', ARGV[4], cjson.encode({ type = 'status', identifier = ARGV[1], status = 'offline', previous = session[3], reason = 'identifier_not_allowed', at = now }))
return { 'changed', session[2] }
