-- resolveNotice: the admin was told of a pairing, or cannot be: then the pairing ends and blocks no later try. Or the pairing
-- is void, because the trust was cleared or the identifier taken off the allowlist since it was opened: then it ends too.
-- The node that holds the waiting follower is told, so that the follower is. What an operator has decided stands: an approved
-- pairing does not end with its notice, and for one that was refused, or is paired, nothing is left to do.
-- KEYS 1 trust 2 pairing 3 pairings 4 notices 5 audit
-- ARGV 1 pairingId 2 'sent'|'failed'|'void' 3 fingerprint 4 nodeChannelPrefix 5 reason (of a failure)
-- Returns {'resolved'} | {'void'} | {'gone'}
local record = redis.call('HMGET', KEYS[2], 'pairingId', 'notice', 'address', 'nodeId', 'connectionId', 'pairingEpoch',
  'approvedAt', 'deniedUntil', 'granted', 'homeNodeId', 'homeConnectionId')
if record[1] ~= ARGV[1] then
  return { 'gone' }
end
local result = ARGV[2]
local over = record[8] or record[9]
if (record[6] or '0') ~= (redis.call('HGET', KEYS[1], 'pairingEpoch') or '0') then
  if over then
    redis.call('DEL', KEYS[2])
    return { 'gone' }
  end
  result = 'void'
elseif over or (record[7] and result == 'failed') then
  return { 'gone' }
elseif result == 'void' or record[2] == result then
  -- It is not void; or the admin was told before.
  return { 'resolved' }
end
if result == 'sent' then
  redis.call('HSET', KEYS[2], 'notice', 'sent')
  redis.call('HDEL', KEYS[2], 'sealedCode')
else
  redis.call('DEL', KEYS[2])
  redis.call('ZREM', KEYS[3], ARGV[3] .. ' ' .. record[3])
end
if result == 'failed' then
  redis.call('ZREM', KEYS[4], ARGV[1] .. ' ' .. record[3])
  redis.call('XADD', KEYS[5], 'MAXLEN', 200, '*', 'event', 'pairing_notice_failed', 'fingerprint', ARGV[3], 'reason', ARGV[5])
elseif result == 'void' then
  redis.call('XADD', KEYS[5], 'MAXLEN', 200, '*', 'event', 'pairing_void', 'fingerprint', ARGV[3])
end
redis.call('PUBLISH', ARGV[4] .. record[4], 'p ' .. record[5] .. ' ' .. ARGV[1] .. ' ' .. result)
if record[10] and record[11] ~= record[5] then
  redis.call('PUBLISH', ARGV[4] .. record[10], 'p ' .. record[11] .. ' ' .. ARGV[1] .. ' ' .. result)
end
return { result == 'void' and 'void' or 'resolved' }
