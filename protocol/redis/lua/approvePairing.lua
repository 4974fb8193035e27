-- approvePairing: an operator lets a follower in by its key, without the code. The approval is of this pairing and this key: of
-- another one, and of one that is over or void, it is refused. The node that holds the waiting follower is told, and makes the
-- secret (grantPairing); told again it is when somebody approves once more, so that a message that was lost is mended.
-- KEYS 1 trust 2 pairings 3 pairing 4 audit
-- ARGV 1 pairingId 2 fingerprint 3 by 4 nodeChannelPrefix
-- Returns {'approved'} | {'already'} | {'gone'} | {'changed'} | {'not_allowed'}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local trust = redis.call('HMGET', KEYS[1], 'allowed', 'pairingEpoch', 'version')

local function refused(outcome)
  -- Of a follower that nobody knows nothing is kept.
  if trust[1] then
    redis.call('XADD', KEYS[4], 'MAXLEN', 200, '*', 'event', 'approval_refused', 'reason', outcome, 'fingerprint', ARGV[2], 'by', ARGV[3])
  end
  return { outcome }
end

if trust[1] ~= '1' then
  return refused('not_allowed')
end
local record = redis.call('HMGET', KEYS[3], 'pairingId', 'expiresAt', 'address', 'pairingEpoch', 'approvedAt', 'deniedUntil',
  'granted', 'homeNodeId', 'homeConnectionId')
if not record[1] or tonumber(record[2]) <= now then
  return refused('gone')
end
if (record[4] or '0') ~= (trust[2] or '0') then
  redis.call('DEL', KEYS[3])
  -- Of one that is over only that was remembered.
  if not record[6] and not record[7] then
    redis.call('ZREM', KEYS[2], ARGV[2] .. ' ' .. record[3])
    redis.call('XADD', KEYS[4], 'MAXLEN', 200, '*', 'event', 'pairing_void', 'fingerprint', ARGV[2])
  end
  return refused('gone')
end
if record[1] ~= ARGV[1] then
  return refused('changed')
end
if record[6] or (record[7] and record[7] ~= trust[3]) then
  return refused('gone')
end
if record[7] then
  return { 'already' }
end
if not record[5] then
  redis.call('HSET', KEYS[3], 'approvedAt', now, 'approvedBy', ARGV[3])
  redis.call('XADD', KEYS[4], 'MAXLEN', 200, '*', 'event', 'pairing_approved', 'fingerprint', ARGV[2], 'address', record[3], 'by', ARGV[3])
end
if record[8] then
  redis.call('PUBLISH', ARGV[4] .. record[8], 'p ' .. record[9] .. ' ' .. ARGV[1] .. ' approved')
end
return { record[5] and 'already' or 'approved' }
