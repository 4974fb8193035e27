-- clearTrust: forget a follower's key and secret, so that it must pair again, and end its live session. The pairings that
-- wait are void from then on. What an operator takes off the allowlist thereby no configuration puts on it again.
-- KEYS 1 trust 2 session 3 audit
-- ARGV 1 identifier 2 reason 3 '1' to take it off the allowlist too 4 nodeChannelPrefix 5 events
-- Returns {'cleared', '1' if it was paired, nodeId of the live session or '', '1' if it is on the allowlist} | {'unknown'}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local trust = redis.call('HMGET', KEYS[1], 'allowed', 'publicKey', 'version')
if not trust[1] and not trust[3] then
  return { 'unknown' }
end
redis.call('HDEL', KEYS[1], 'publicKey', 'sealedSecret', 'previousSecret', 'pairedAt', 'fingerprint')
redis.call('HINCRBY', KEYS[1], 'version', 1)
redis.call('HINCRBY', KEYS[1], 'pairingEpoch', 1)
redis.call('HSET', KEYS[1], 'clearedAt', now, 'clearedReason', ARGV[2])
if ARGV[3] == '1' then
  redis.call('HSET', KEYS[1], 'allowed', '0', 'revokedAt', now, 'revokedBy', ARGV[2])
end
redis.call('XADD', KEYS[3], 'MAXLEN', 200, '*', 'event', 'trust_cleared', 'reason', ARGV[2])
local session = redis.call('HMGET', KEYS[2], 'epoch', 'nodeId', 'status')
local node = ''
if session[1] and session[3] ~= 'offline' then
  node = session[2]
  redis.call('HSET', KEYS[2], 'status', 'offline', 'endedAt', now, 'endReason', 'trust_revoked')
  redis.call('XADD', KEYS[3], 'MAXLEN', 200, '*', 'event', 'offline', 'previous', session[3], 'reason', 'trust_revoked')
  redis.call('PUBLISH', ARGV[4] .. node, 'x ' .. ARGV[1] .. ' ' .. session[1] .. ' trust_revoked')
  redis.call('PUBLISH', ARGV[5], cjson.encode({ type = 'status', identifier = ARGV[1], status = 'offline', previous = session[3], reason = 'trust_revoked', at = now }))
end
local allowed = trust[1] == '1' and ARGV[3] ~= '1'
return { 'cleared', trust[2] and '1' or '0', node, allowed and '1' or '0' }
