-- recordLive: keep a record of a live message, or note how far a recorded one got. A record never goes back.
-- KEYS 1 trust 2 messages 3 settled
-- ARGV 1 messageId 2 state 3 digest ('': only of a message that has a record) 4 bytes 5 nodeId ('': none) 6 reason
--      7 records kept of messages that ended
-- Returns {'recorded', record, now} | {'duplicate', record} | {'id_conflict'} | {'unknown_identifier'} | {'unknown'}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local id, state = ARGV[1], ARGV[2]
local rank = { accepted = 1, routed = 2, written = 3, offline = 3, overloaded = 3, acked = 4, rejected = 4 }
local known = redis.call('HGET', KEYS[2], id)
if not known then
  if ARGV[3] == '' then
    return { 'unknown' }
  end
  -- Followers that nobody ever allowed get no keys.
  if redis.call('EXISTS', KEYS[1]) == 0 then
    return { 'unknown_identifier' }
  end
  local over = redis.call('RPUSH', KEYS[3], id) - tonumber(ARGV[7])
  if over > 0 then
    redis.call('HDEL', KEYS[2], unpack(redis.call('LPOP', KEYS[3], math.min(over, 1000))))
  end
elseif ARGV[3] ~= '' then
  return string.match(known, '^%S+ %S+ %S+ (%S+)') == ARGV[3] and { 'duplicate', known } or { 'id_conflict' }
end

-- state, delivery, seq, digest, bytes, acceptedAt, expiresAt, routedAt, writtenAt, settledAt, tries, node, reason
local record = known and { string.match(known,
  '^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (.*)$') }
  or { 'accepted', 'live', 0, ARGV[3], ARGV[4], now, 0, 0, 0, 0, 0, '-', '' }
if record[2] ~= 'live' or (known and rank[state] <= (rank[record[1]] or 4)) then
  return { 'recorded', known, now }
end
record[1] = state
if state == 'routed' then
  record[8] = now
elseif state == 'written' then
  record[9] = now
  record[11] = tonumber(record[11]) + 1
elseif state ~= 'accepted' then
  record[10] = now
end
if ARGV[5] ~= '' then
  record[12] = ARGV[5]
end
if ARGV[6] ~= '' then
  record[13] = ARGV[6]
end
local packed = table.concat(record, ' ')
redis.call('HSET', KEYS[2], id, packed)
return { 'recorded', packed, now }
