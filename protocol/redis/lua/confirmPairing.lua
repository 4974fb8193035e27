-- confirmPairing: the code a human relayed. The right one replaces the trust and ends what the old trust let in; a wrong
-- one counts; the last wrong one ends the pairing. A pairing that was opened before the trust was last cleared, or the
-- identifier taken off the allowlist, is void: its code counts no longer, and neither does that of one that an operator refused.
-- Wrong codes do not end a pairing that an operator approved: after the last one only the approval counts.
-- KEYS 1 trust 2 pairings 3 pairing 4 session 5 audit
-- ARGV 1 identifier 2 fingerprint 3 sealedSecret 4 maxTries 5 nodeChannelPrefix 6 events 7.. codeHashes (one a master key)
-- Returns {'paired', pairedAt, trustVersion} | {'invalid_code', triesLeft} | {'too_many_attempts'} | {'expired'} |
--         {'not_allowed'} | {'denied'}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local trust = redis.call('HMGET', KEYS[1], 'allowed', 'sealedSecret', 'pairingEpoch')
if trust[1] ~= '1' then
  return { 'not_allowed' }
end
local record = redis.call('HMGET', KEYS[3], 'codeHash', 'expiresAt', 'publicKey', 'address', 'pairingEpoch', 'approvedAt',
  'deniedUntil', 'granted', 'tries')
if not record[1] or tonumber(record[2]) <= now or record[8] then
  return { 'expired' }
end
local member = ARGV[2] .. ' ' .. record[4]
if (record[5] or '0') ~= (trust[3] or '0') then
  redis.call('DEL', KEYS[3])
  redis.call('ZREM', KEYS[2], member)
  redis.call('XADD', KEYS[5], 'MAXLEN', 200, '*', 'event', 'pairing_void', 'fingerprint', ARGV[2])
  return { 'expired' }
end
if record[7] then
  return { 'denied' }
end
if tonumber(record[9] or 0) >= tonumber(ARGV[4]) then
  return { 'too_many_attempts' }
end

local right = false
for index = 7, #ARGV do
  right = right or ARGV[index] == record[1]
end
if not right then
  local tries = redis.call('HINCRBY', KEYS[3], 'tries', 1)
  if tries < tonumber(ARGV[4]) then
    return { 'invalid_code', tonumber(ARGV[4]) - tries }
  end
  if not record[6] then
    redis.call('DEL', KEYS[3])
    redis.call('ZREM', KEYS[2], member)
  end
  redis.call('XADD', KEYS[5], 'MAXLEN', 200, '*', 'event', 'pairing_tries_used_up', 'fingerprint', ARGV[2], 'address', record[4])
  return { 'too_many_attempts' }
end

local version = redis.call('HINCRBY', KEYS[1], 'version', 1)
redis.call('HSET', KEYS[1], 'publicKey', record[3], 'sealedSecret', ARGV[3], 'pairedAt', now, 'fingerprint', ARGV[2])
if trust[2] then
  redis.call('HSET', KEYS[1], 'previousSecret', trust[2])
end
redis.call('HDEL', KEYS[1], 'clearedAt', 'clearedReason')
redis.call('DEL', KEYS[3])
redis.call('ZREM', KEYS[2], member)
redis.call('XADD', KEYS[5], 'MAXLEN', 200, '*', 'event', 'paired', 'fingerprint', ARGV[2], 'address', record[4])

-- What the old trust let in must prove itself anew.
local session = redis.call('HMGET', KEYS[4], 'epoch', 'nodeId', 'status')
if session[1] and session[3] ~= 'offline' then
  redis.call('HSET', KEYS[4], 'status', 'offline', 'endedAt', now, 'endReason', 'trust_revoked')
  redis.call('XADD', KEYS[5], 'MAXLEN', 200, '*', 'event', 'offline', 'previous', session[3], 'reason', 'trust_revoked')
  redis.call('PUBLISH', ARGV[5] .. session[2], 'x ' .. ARGV[1] .. ' ' .. session[1] .. ' trust_revoked')
  redis.call('PUBLISH', ARGV[6], cjson.encode({ type = 'status', identifier = ARGV[1], status = 'offline', previous = session[3], reason = 'trust_revoked', at = now }))
end
return { 'paired', now, version }
