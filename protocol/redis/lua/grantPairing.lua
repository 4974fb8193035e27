-- grantPairing: the pairing that an operator approved becomes the trust, with a new secret, and ends what the old trust let in. The
-- secret goes to a connection from the address that the operator was shown, and to nobody else who knows the public key. The
-- record stays until its time is over: a secret that was given and never used did not arrive, and is made anew by the next hello.
-- KEYS 1 trust 2 pairings 3 pairing 4 session 5 audit
-- ARGV 1 identifier 2 fingerprint 3 pairingId 4 publicKey 5 address 6 sealedSecret 7 nodeChannelPrefix 8 events
-- Returns {'paired', pairedAt, trustVersion} | {'waiting'} | {'expired'} | {'denied'} | {'not_allowed'}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local trust = redis.call('HMGET', KEYS[1], 'allowed', 'sealedSecret', 'pairingEpoch', 'version')
if trust[1] ~= '1' then
  return { 'not_allowed' }
end
local record = redis.call('HMGET', KEYS[3], 'pairingId', 'expiresAt', 'publicKey', 'address', 'pairingEpoch', 'approvedAt',
  'approvedBy', 'deniedUntil', 'granted')
if record[1] ~= ARGV[3] or tonumber(record[2]) <= now or (record[5] or '0') ~= (trust[3] or '0') then
  return { 'expired' }
end
if record[8] then
  return { 'denied' }
end
if not record[6] or record[3] ~= ARGV[4] or record[4] ~= ARGV[5] then
  return { 'waiting' }
end
local session = redis.call('HMGET', KEYS[4], 'epoch', 'nodeId', 'status', 'trustVersion')
if record[9] and (record[9] ~= trust[4] or record[9] == session[4]) then
  return { 'expired' }
end

local version = redis.call('HINCRBY', KEYS[1], 'version', 1)
redis.call('HSET', KEYS[1], 'publicKey', record[3], 'sealedSecret', ARGV[6], 'pairedAt', now, 'fingerprint', ARGV[2])
-- What was given before under this approval nobody has.
if trust[2] and not record[9] then
  redis.call('HSET', KEYS[1], 'previousSecret', trust[2])
end
redis.call('HDEL', KEYS[1], 'clearedAt', 'clearedReason')
redis.call('HSET', KEYS[3], 'granted', version)
redis.call('HDEL', KEYS[3], 'sealedCode')
redis.call('ZREM', KEYS[2], ARGV[2] .. ' ' .. record[4])
redis.call('XADD', KEYS[5], 'MAXLEN', 200, '*', 'event', 'paired', 'fingerprint', ARGV[2], 'address', record[4], 'by', record[7])

-- What the old trust let in must prove itself anew.
if session[1] and session[3] ~= 'offline' then
  redis.call('HSET', KEYS[4], 'status', 'offline', 'endedAt', now, 'endReason', 'trust_revoked')
  redis.call('XADD', KEYS[5], 'MAXLEN', 200, '*', 'event', 'offline', 'previous', session[3], 'reason', 'trust_revoked')
  redis.call('PUBLISH', ARGV[7] .. session[2], 'x ' .. ARGV[1] .. ' ' .. session[1] .. ' trust_revoked')
  redis.call('PUBLISH', ARGV[8], cjson.encode({ type = 'status', identifier = ARGV[1], status = 'offline', previous = session[3], reason = 'trust_revoked', at = now }))
end
return { 'paired', now, version }
