-- importTrust: an operator brings a follower's place on the allowlist, and its key and secret, from elsewhere. Nothing is done when
-- they changed here since they were compared. What the old trust let in must prove itself anew, and the pairings that wait are void.
-- KEYS 1 trust 2 session 3 audit
-- ARGV 1 identifier 2 trustVersion it was compared with, or '' 3 allowed then: '1'|'0'|'' 4 '1'|'0' 5 publicKey, or '' to leave
--      key and secret 6 sealedSecret 7 fingerprint 8 pairedAt, or 0 9 nodeChannelPrefix 10 events
--      11 who brings it, for the audit
-- Returns {'imported', nodeId of the session that ended or ''} | {'changed'}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local trust = redis.call('HMGET', KEYS[1], 'version', 'allowed', 'configured', 'sealedSecret')
if (trust[1] or '') ~= ARGV[2] or (trust[2] or '') ~= ARGV[3] then
  return { 'changed' }
end
local brings = ARGV[5] ~= ''
redis.call('HSETNX', KEYS[1], 'version', 0)
if ARGV[4] == '1' then
  redis.call('HDEL', KEYS[1], 'revokedAt', 'revokedBy')
  if trust[3] == 'added' then
    redis.call('HSET', KEYS[1], 'configured', 'named')
  end
else
  redis.call('HSET', KEYS[1], 'revokedAt', now, 'revokedBy', 'import')
end
if ARGV[4] ~= ARGV[3] then
  redis.call('HSET', KEYS[1], 'allowed', ARGV[4])
  redis.call('XADD', KEYS[3], 'MAXLEN', 200, '*', 'event', ARGV[4] == '1' and 'allowed' or 'disallowed', 'by', ARGV[11])
end
if brings then
  -- Another cluster's clock may be ahead.
  local pairedAt = tonumber(ARGV[8])
  if pairedAt <= 0 or pairedAt > now then
    pairedAt = now
  end
  redis.call('HINCRBY', KEYS[1], 'version', 1)
  redis.call('HSET', KEYS[1], 'publicKey', ARGV[5], 'sealedSecret', ARGV[6], 'fingerprint', ARGV[7], 'pairedAt', pairedAt)
  if trust[4] then
    redis.call('HSET', KEYS[1], 'previousSecret', trust[4])
  end
  redis.call('HDEL', KEYS[1], 'clearedAt', 'clearedReason')
  redis.call('XADD', KEYS[3], 'MAXLEN', 200, '*', 'event', 'trust_imported', 'fingerprint', ARGV[7], 'by', ARGV[11])
end
if not brings and ARGV[4] == '1' then
  return { 'imported', '' }
end
redis.call('HINCRBY', KEYS[1], 'pairingEpoch', 1)
local session = redis.call('HMGET', KEYS[2], 'epoch', 'nodeId', 'status')
if not session[1] or session[3] == 'offline' then
  return { 'imported', '' }
end
local reason = ARGV[4] == '1' and 'trust_revoked' or 'identifier_not_allowed'
redis.call('HSET', KEYS[2], 'status', 'offline', 'endedAt', now, 'endReason', reason)
redis.call('XADD', KEYS[3], 'MAXLEN', 200, '*', 'event', 'offline', 'previous', session[3], 'reason', reason)
redis.call('PUBLISH', ARGV[9] .. session[2], 'x ' .. ARGV[1] .. ' ' .. session[1] .. ' ' .. reason)
redis.call('PUBLISH', ARGV[10], cjson.encode({ type = 'status', identifier = ARGV[1], status = 'offline', previous = session[3], reason = reason, at = now }))
return { 'imported', session[2] }
