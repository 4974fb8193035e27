-- rejectQueued: the follower will never take a queued message: it leaves the queue as a dead letter, and who waits for it is told.
-- KEYS 1 session 2 queue 3 queueDue 4 messages 5 settled 6 deadLetters
-- ARGV 1 epoch 2 nodeId 3 messageId 4 writtenAgoMs 5 '1' for a delivery that was not counted yet 6 the follower's reason
--      7 records kept of messages that ended 8 dead letters kept 9 replyChannelPrefix
-- Returns {'settled'} | {'stale'} | {'unknown'} | {'already'}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then
  return { 'stale' }
end
local id = ARGV[3]
local known = redis.call('HGET', KEYS[4], id)
-- state, delivery, seq, digest, bytes, acceptedAt, expiresAt, routedAt, writtenAt, settledAt, tries, node, reason
local record = known and { string.match(known,
  '^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (.*)$') }
if not record or not record[2] or record[2] == 'live' then
  return { 'unknown' }
end
if record[10] ~= '0' then
  return { 'already' }
end

if ARGV[5] == '1' then
  record[11] = tonumber(record[11]) + 1
end
if ARGV[5] == '1' or record[9] == '0' then
  record[9] = math.max(tonumber(record[6]), now - tonumber(ARGV[4]))
end
record[1] = 'rejected'
record[10] = now
record[12] = ARGV[2]
record[13] = ARGV[6]

local seq = record[3]
local entry = redis.call('XRANGE', KEYS[2], seq .. '-0', seq .. '-0')[1]
if entry then
  redis.call('XADD', KEYS[6], '*', 'id', id, 'frame', entry[2][4], 'seq', seq, 'reason', 'rejected', 'detail', ARGV[6],
    'queuedAt', record[6], 'tries', record[11], 'node', ARGV[2])
  local dropped = redis.call('XTRIM', KEYS[6], 'MAXLEN', ARGV[8])
  if dropped > 0 then
    redis.call('HINCRBY', KEYS[4], '#deadDropped', dropped)
  end
end
redis.call('XDEL', KEYS[2], seq .. '-0')
if record[2] == 'early' then
  redis.call('ZREM', KEYS[3], seq)
end
redis.call('HSET', KEYS[4], id, table.concat(record, ' '))
redis.call('HINCRBY', KEYS[4], '#bytes', 0 - tonumber(record[5]))
redis.call('HINCRBY', KEYS[4], '#waiting', -1)
redis.call('HINCRBY', KEYS[4], '#rejected', 1)
local over = redis.call('RPUSH', KEYS[5], id) - tonumber(ARGV[7])
if over > 0 then
  redis.call('HDEL', KEYS[4], unpack(redis.call('LPOP', KEYS[5], math.min(over, 1000))))
end
if entry and entry[2][6] ~= '' then
  redis.call('PUBLISH', ARGV[9] .. entry[2][6], 'r ' .. id)
end
return { 'settled' }
