-- lookupFollower: all that the answer to a hello needs, in one round trip.
-- KEYS 1 trust 2 pairing (of the hello's key)
-- ARGV none
-- Returns {'found', now, allowed, trustVersion, publicKey, sealedSecret, previousSecret, pairingId, pairingExpiresAt, notice}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local trust = redis.call('HMGET', KEYS[1], 'allowed', 'version', 'publicKey', 'sealedSecret', 'previousSecret', 'pairingEpoch')
local pairing = redis.call('HMGET', KEYS[2], 'pairingId', 'expiresAt', 'notice', 'pairingEpoch', 'deniedUntil', 'granted')
-- One that was opened before the trust was last cleared is void; of one that is over only that is remembered.
if pairing[2] and (tonumber(pairing[2]) <= now or (pairing[4] or '0') ~= (trust[6] or '0') or pairing[5] or pairing[6]) then
  pairing = { false, false, false }
end
return { 'found', now, trust[1] or '', trust[2] or '0', trust[3] or '', trust[4] or '', trust[5] or '',
  pairing[1] or '', pairing[2] or '0', pairing[3] or '' }
