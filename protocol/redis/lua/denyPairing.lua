-- denyPairing: an operator refuses a pairing, also one that was approved and has not been used. Its code counts no longer, whoever
-- waits for it is told, and for a while the same key opens no other: who missed the refusal hears it with the next hello.
-- KEYS 1 trust 2 pairings 3 pairing 4 audit
-- ARGV 1 pairingId 2 fingerprint 3 by 4 nodeChannelPrefix 5 rememberMs
-- Returns {'denied'} | {'gone'} | {'changed'}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local record = redis.call('HMGET', KEYS[3], 'pairingId', 'expiresAt', 'address', 'pairingEpoch', 'deniedUntil', 'granted',
  'nodeId', 'connectionId', 'homeNodeId', 'homeConnectionId')
local trust = redis.call('HMGET', KEYS[1], 'allowed', 'pairingEpoch')

local function refused(outcome)
  -- Of a follower that nobody knows nothing is kept.
  if trust[1] then
    redis.call('XADD', KEYS[4], 'MAXLEN', 200, '*', 'event', 'denial_refused', 'reason', outcome, 'fingerprint', ARGV[2], 'by', ARGV[3])
  end
  return { outcome }
end

if not record[1] or tonumber(record[2]) <= now or (record[4] or '0') ~= (trust[2] or '0') then
  return refused('gone')
end
if record[1] ~= ARGV[1] then
  return refused('changed')
end
-- Whoever denied it is in the audit already.
if record[5] then
  return { 'gone' }
end
if record[6] then
  return refused('gone')
end

local untilWhen = math.min(tonumber(record[2]), now + tonumber(ARGV[5]))
redis.call('HSET', KEYS[3], 'deniedUntil', untilWhen)
redis.call('HDEL', KEYS[3], 'sealedCode', 'approvedAt', 'approvedBy')
redis.call('PEXPIREAT', KEYS[3], untilWhen)
redis.call('ZREM', KEYS[2], ARGV[2] .. ' ' .. record[3])
redis.call('XADD', KEYS[4], 'MAXLEN', 200, '*', 'event', 'pairing_denied', 'fingerprint', ARGV[2], 'address', record[3], 'by', ARGV[3])
redis.call('PUBLISH', ARGV[4] .. record[7], 'p ' .. record[8] .. ' ' .. ARGV[1] .. ' denied')
if record[9] and record[10] ~= record[8] then
  redis.call('PUBLISH', ARGV[4] .. record[9], 'p ' .. record[10] .. ' ' .. ARGV[1] .. ' denied')
end
return { 'denied' }
