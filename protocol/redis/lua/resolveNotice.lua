-- resolveNotice: the admin was told of a pairing, or cannot be: then the pairing ends and blocks no later try.
-- The node that holds the waiting follower is told, so that the follower is.
-- KEYS 1 pairing 2 pairings 3 notices 4 audit
-- ARGV 1 pairingId 2 'sent'|'failed' 3 fingerprint 4 nodeChannelPrefix 5 reason (of a failure)
-- Returns {'resolved'} | {'gone'}
local record = redis.call('HMGET', KEYS[1], 'pairingId', 'notice', 'address', 'nodeId', 'connectionId')
if record[1] ~= ARGV[1] then
  return { 'gone' }
end
if ARGV[2] == 'sent' then
  if record[2] == 'sent' then
    return { 'resolved' }
  end
  redis.call('HSET', KEYS[1], 'notice', 'sent')
  redis.call('HDEL', KEYS[1], 'sealedCode')
else
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], ARGV[3] .. ' ' .. record[3])
  redis.call('ZREM', KEYS[3], ARGV[1] .. ' ' .. record[3])
  redis.call('XADD', KEYS[4], 'MAXLEN', 200, '*', 'event', 'pairing_notice_failed', 'fingerprint', ARGV[3], 'reason', ARGV[5])
end
redis.call('PUBLISH', ARGV[4] .. record[4], 'p ' .. record[5] .. ' ' .. ARGV[1] .. ' ' .. ARGV[2])
return { 'resolved' }
