-- openPairing: open the pairing of this identifier and key, or join the one that is pending, within the limits.
-- One that was opened before the trust was last cleared, or the identifier taken off the allowlist, is void: a new one
-- takes its place, and so does one after a pairing that was approved and used. The source address and the notices of the last hour
-- are bounded, so that a stranger cannot use up the owner's notices. While an operator's refusal is remembered, the key is refused.
-- KEYS 1 trust 2 pairings 3 pairing 4 notices 5 audit 6 session
-- ARGV 1 fingerprint 2 publicKey 3 codeHash 4 sealedCode 5 ttlMs 6 address 7 pairingId 8 nodeId 9 connectionId
--      10 maxPendingPerAddress 11 maxNoticesPerAddress 12 maxNotices 13 noticeWindowMs 14 keyId
-- Returns {'opened'|'joined', pairingId, expiresAt, notice, now, '1' if this connection may be given what was approved} |
--         {'not_allowed'} | {'denied'} | {'pending_limit'|'address_limit'|'identifier_limit', now}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local trust = redis.call('HMGET', KEYS[1], 'allowed', 'pairingEpoch', 'version')
if trust[1] ~= '1' then
  return { 'not_allowed' }
end

local epoch = trust[2] or '0'
local pending = redis.call('HMGET', KEYS[3], 'pairingId', 'expiresAt', 'notice', 'pairingEpoch', 'address', 'approvedAt',
  'deniedUntil', 'granted')
if pending[1] and (pending[4] or '0') ~= epoch then
  redis.call('ZREM', KEYS[2], ARGV[1] .. ' ' .. pending[5])
elseif pending[7] then
  if tonumber(pending[7]) > now then
    return { 'denied' }
  end
elseif pending[1] and tonumber(pending[2]) > now then
  local fromThere = pending[5] == ARGV[6]
  -- A secret that was given and never used did not arrive: it is given again, to nobody but who asks from the same address.
  local lost = pending[8] and pending[8] == trust[3] and redis.call('HGET', KEYS[6], 'trustVersion') ~= pending[8]
  if not pending[8] or (lost and fromThere) then
    redis.call('HSET', KEYS[3], 'nodeId', ARGV[8], 'connectionId', ARGV[9])
    if fromThere then
      redis.call('HSET', KEYS[3], 'homeNodeId', ARGV[8], 'homeConnectionId', ARGV[9])
    end
    return { 'joined', pending[1], tonumber(pending[2]), pending[3], now, pending[6] and fromThere and '1' or '0' }
  end
end

-- Members of both sets end in the address: '<fingerprint> <address>' and '<pairingId> <address>'.
local function fromAddress(members)
  local count = 0
  for _, member in ipairs(members) do
    if string.sub(member, string.find(member, ' ', 1, true) + 1) == ARGV[6] then
      count = count + 1
    end
  end
  return count
end

redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
if fromAddress(redis.call('ZRANGE', KEYS[2], 0, -1)) >= tonumber(ARGV[10]) then
  return { 'pending_limit', now }
end
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', now - tonumber(ARGV[13]))
local notices = redis.call('ZRANGE', KEYS[4], 0, -1)
if fromAddress(notices) >= tonumber(ARGV[11]) then
  return { 'address_limit', now }
end
if #notices >= tonumber(ARGV[12]) then
  return { 'identifier_limit', now }
end

local expiresAt = now + tonumber(ARGV[5])
redis.call('DEL', KEYS[3])
redis.call('HSET', KEYS[3], 'pairingId', ARGV[7], 'publicKey', ARGV[2], 'codeHash', ARGV[3], 'sealedCode', ARGV[4],
  'keyId', ARGV[14], 'expiresAt', expiresAt, 'tries', 0, 'notice', 'pending', 'address', ARGV[6], 'openedAt', now,
  'pairingEpoch', epoch, 'nodeId', ARGV[8], 'connectionId', ARGV[9], 'homeNodeId', ARGV[8], 'homeConnectionId', ARGV[9])
redis.call('PEXPIREAT', KEYS[3], expiresAt)
redis.call('ZADD', KEYS[2], expiresAt, ARGV[1] .. ' ' .. ARGV[6])
redis.call('PEXPIRE', KEYS[2], tonumber(ARGV[5]) * 2)
redis.call('ZADD', KEYS[4], now, ARGV[7] .. ' ' .. ARGV[6])
redis.call('PEXPIRE', KEYS[4], ARGV[13])
redis.call('XADD', KEYS[5], 'MAXLEN', 200, '*', 'event', 'pairing_opened', 'fingerprint', ARGV[1], 'address', ARGV[6])
return { 'opened', ARGV[7], expiresAt, 'pending', now, '0' }
