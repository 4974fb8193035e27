-- claimSession: make this connection the owner, unless its proof is stale or used, the trust it was checked against is gone,
-- or other addresses took the live session too often lately: then the owner keeps it. Called only for a proof whose
-- signature is right: a replay of such a proof, or too many of them, clears the trust.
-- KEYS 1 session 2 proofs 3 trust 4 audit 5 queue 6 messages 7 gaps 8 takeovers
-- ARGV 1 identifier 2 nodeId 3 connectionId 4 nonce 5 proofTimestamp (s) 6 trustVersion 7 address 8 windowMs
--      9 maxProofs (in windowMs) 10 nonceMemoryMs 11 nodeChannelPrefix 12 events 13 takeoverWindowMs
--      14 maxTakeovers (in takeoverWindowMs) 15 noticeEveryMs
-- Returns {'claimed', epoch, now, previousNode, previousConnection, lastSeq, waiting, gaps} | {'stale_timestamp', now} |
--         {'future_timestamp', now} | {'takeover_conflict', now, ownerAddress, ownerNode, tellOperator} |
--         {'nonce_collision'} | {'rate_limited'} | {'not_allowed'} | {'trust_changed'}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local trust = redis.call('HMGET', KEYS[3], 'allowed', 'version', 'publicKey')
if trust[1] ~= '1' then
  return { 'not_allowed' }
end
if trust[2] ~= ARGV[6] or not trust[3] then
  return { 'trust_changed' }
end

local window = tonumber(ARGV[8])
local age = now - tonumber(ARGV[5]) * 1000
if age >= window then
  return { 'stale_timestamp', now }
elseif age <= -window then
  return { 'future_timestamp', now }
end

local session = redis.call('HMGET', KEYS[1], 'epoch', 'nodeId', 'connectionId', 'status', 'address')
local live = session[1] and session[4] ~= 'offline'

local function event(name, reason)
  redis.call('XADD', KEYS[4], 'MAXLEN', 200, '*', 'event', name, 'previous', session[4] or 'offline', 'reason', reason, 'address', ARGV[7])
  redis.call('PUBLISH', ARGV[12], cjson.encode({ type = 'status', identifier = ARGV[1], status = name, previous = session[4] or 'offline', reason = reason, at = now }))
end

-- A proof is remembered for longer than it can be fresh, so a replay is found whichever node sees it.
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - tonumber(ARGV[10]))
local unsafe
if redis.call('ZSCORE', KEYS[2], ARGV[4]) then
  unsafe = 'nonce_collision'
elseif redis.call('ZCOUNT', KEYS[2], '(' .. string.format('%.0f', now - window), '+inf') >= tonumber(ARGV[9]) then
  unsafe = 'rate_limited'
end
if unsafe then
  -- Proofs of a secret that is gone can never be used again; counted on, they would clear the next trust as well.
  redis.call('DEL', KEYS[2])
  redis.call('HDEL', KEYS[3], 'publicKey', 'sealedSecret', 'previousSecret', 'pairedAt', 'fingerprint')
  redis.call('HINCRBY', KEYS[3], 'version', 1)
  redis.call('HSET', KEYS[3], 'clearedAt', now, 'clearedReason', unsafe)
  redis.call('XADD', KEYS[4], 'MAXLEN', 200, '*', 'event', 'trust_cleared', 'reason', unsafe, 'address', ARGV[7])
  if live then
    redis.call('HSET', KEYS[1], 'status', 'offline', 'endedAt', now, 'endReason', 'trust_revoked')
    redis.call('PUBLISH', ARGV[11] .. session[2], 'x ' .. ARGV[1] .. ' ' .. session[1] .. ' trust_revoked')
    event('offline', 'trust_revoked')
  end
  return { unsafe }
end
redis.call('ZADD', KEYS[2], now, ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[10])

-- An owner that fell silent is not fought over: whoever comes in its place takes nothing from it.
if session[4] == 'online' and session[5] ~= ARGV[7] then
  redis.call('ZREMRANGEBYSCORE', KEYS[8], '-inf', now - tonumber(ARGV[13]))
  -- Two marks beside the takeovers: '#told' for a refusal in the audit, one a window, and '#notice' for one that the operator is
  -- told of. Its score lies ahead, so that it stays until the next notice may go out.
  local told = redis.call('ZSCORE', KEYS[8], '#told')
  local noticed = redis.call('ZSCORE', KEYS[8], '#notice')
  local refused = redis.call('ZCARD', KEYS[8]) - (told and 1 or 0) - (noticed and 1 or 0) >= tonumber(ARGV[14])
  if refused and not noticed then
    redis.call('ZADD', KEYS[8], now + ARGV[15] - ARGV[13], '#notice')
  end
  if not (refused and told) then
    redis.call('ZADD', KEYS[8], now, refused and '#told' or ARGV[3])
  end
  redis.call('PEXPIRE', KEYS[8], (refused or noticed) and ARGV[15] or ARGV[13])
  if refused then
    if not told then
      redis.call('XADD', KEYS[4], 'MAXLEN', 200, '*', 'event', 'takeover_conflict', 'address', ARGV[7], 'owner', session[5] or '')
    end
    return { 'takeover_conflict', now, session[5] or '', session[2], noticed and 0 or 1 }
  end
end

-- Redis TIME as the seed: a failover that loses writes cannot rewind the epoch.
local epoch = math.max(tonumber(session[1] or 0) + 1, now)
redis.call('HSET', KEYS[1], 'epoch', epoch, 'nodeId', ARGV[2], 'connectionId', ARGV[3], 'status', 'online',
  'trustVersion', ARGV[6], 'address', ARGV[7], 'authenticatedAt', now, 'lastHeartbeatAt', now)
redis.call('HDEL', KEYS[1], 'endedAt', 'endReason')
if live then
  redis.call('XADD', KEYS[4], 'MAXLEN', 200, '*', 'event', 'session_replaced', 'address', ARGV[7])
  redis.call('PUBLISH', ARGV[11] .. session[2], 'x ' .. ARGV[1] .. ' ' .. session[1] .. ' session_replaced')
end
if session[4] ~= 'online' then
  event('online', 'authenticated')
end
-- A follower that nothing was ever queued for has no sequence, and nothing to count.
local seq = redis.call('HGET', KEYS[6], '#seq')
local waiting = seq and redis.call('XLEN', KEYS[5]) or 0
local gaps = seq and redis.call('ZCARD', KEYS[7]) or 0
return { 'claimed', epoch, now, live and session[2] or '', live and session[3] or '', tonumber(seq or 0), waiting, gaps }
