-- setAllowed: put an identifier on the allowlist, or take it off, which ends its live session, makes the pairings that wait
-- void, and leaves its trust. A configuration puts on what it newly names and takes off only what it had put on itself:
-- what an operator decided meanwhile stands.
-- KEYS 1 trust 2 session 3 audit
-- ARGV 1 identifier 2 '1'|'0' 3 nodeChannelPrefix 4 events 5 'operator'|'configuration'
-- Returns {'changed', nodeId of the session that ended or ''} | {'unchanged', ''}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local trust = redis.call('HMGET', KEYS[1], 'allowed', 'configured')
local allowed = trust[1] or '0'
local configured = trust[2]
if ARGV[5] == 'configuration' then
  if ARGV[2] == '1' then
    if configured then
      return { 'unchanged', '' }
    end
    redis.call('HSET', KEYS[1], 'configured', allowed == '1' and 'named' or 'added')
  else
    redis.call('HDEL', KEYS[1], 'configured')
    if configured ~= 'added' then
      return { 'unchanged', '' }
    end
  end
elseif ARGV[2] == '1' and configured == 'added' then
  redis.call('HSET', KEYS[1], 'configured', 'named')
end
if allowed == ARGV[2] then
  return { 'unchanged', '' }
end
redis.call('HSET', KEYS[1], 'allowed', ARGV[2])
redis.call('HSETNX', KEYS[1], 'version', 0)
redis.call('XADD', KEYS[3], 'MAXLEN', 200, '*', 'event', ARGV[2] == '1' and 'allowed' or 'disallowed')
if ARGV[2] == '1' then
  return { 'changed', '' }
end
redis.call('HINCRBY', KEYS[1], 'pairingEpoch', 1)
local session = redis.call('HMGET', KEYS[2], 'epoch', 'nodeId', 'status')
if not session[1] or session[3] == 'offline' then
  return { 'changed', '' }
end
redis.call('HSET', KEYS[2], 'status', 'offline', 'endedAt', now, 'endReason', 'identifier_not_allowed')
redis.call('XADD', KEYS[3], 'MAXLEN', 200, '*', 'event', 'offline', 'previous', session[3], 'reason', 'identifier_not_allowed')
redis.call('PUBLISH', ARGV[3] .. session[2], 'x ' .. ARGV[1] .. ' ' .. session[1] .. ' identifier_not_allowed')
redis.call('PUBLISH', ARGV[4], cjson.encode({ type = 'status', identifier = ARGV[1], status = 'offline', previous = session[3], reason = 'identifier_not_allowed', at = now }))
return { 'changed', session[2] }
