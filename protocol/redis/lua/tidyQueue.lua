-- tidyQueue: take what expired out of a follower's queue: it becomes a dead letter and part of a gap, and who waits for it and the
-- follower's node are told. And forget messages that ended long ago.
-- KEYS 1 session 2 queue 3 queueDue 4 messages 5 settled 6 gaps 7 deadLetters
-- ARGV 1 identifier 2 the most to take out, and the most to forget 3 how long a record is kept after the end (ms)
--      4 records kept of messages that ended 5 dead letters kept 6 gaps kept 7 nodeChannelPrefix 8 replyChannelPrefix
-- Returns {'tidied', how many expired, how many were forgotten, when to look again (0: nothing is left), 1 when there is more or 0}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local most = tonumber(ARGV[2])

-- Before one that expires in the order of the queue, all expired before it. Those that expire early have a set of their own.
local due, entries = {}, {}
local from = '-'
while from and #due < most do
  local page = redis.call('XRANGE', KEYS[2], from, '+', 'COUNT', 16)
  from = #page > 0 and '(' .. page[#page][1]
  for _, entry in ipairs(page) do
    if tonumber(entry[2][8]) > now or #due == most then
      from = nil
      break
    end
    local seq = tonumber(string.match(entry[1], '^%d+'))
    due[#due + 1] = seq
    entries[seq] = entry[2]
  end
end
if #due < most then
  for _, text in ipairs(redis.call('ZRANGE', KEYS[3], '-inf', now, 'BYSCORE', 'LIMIT', 0, most)) do
    local seq = tonumber(text)
    if not entries[seq] and #due < most then
      due[#due + 1] = seq
      entries[seq] = redis.call('XRANGE', KEYS[2], text .. '-0', text .. '-0')[1][2]
    end
  end
  table.sort(due)
end

-- Neighbours in the queue become one range, whether they expired now or before.
local function addGap(from, to)
  local before = redis.call('ZRANGE', KEYS[6], from - 1, from - 1, 'BYSCORE')[1]
  if before and string.match(before, ' expired$') then
    redis.call('ZREM', KEYS[6], before)
    from = tonumber(string.match(before, '^%d+'))
  end
  local after = redis.call('ZRANGE', KEYS[6], to + 1, '+inf', 'BYSCORE', 'LIMIT', 0, 1)[1]
  if after and string.match(after, '^' .. (to + 1) .. ' %d+ expired$') then
    redis.call('ZREM', KEYS[6], after)
    to = tonumber(string.match(after, ' (%d+) '))
  end
  redis.call('ZADD', KEYS[6], to, from .. ' ' .. to .. ' expired')
  if redis.call('ZCARD', KEYS[6]) > tonumber(ARGV[6]) then
    local oldest = redis.call('ZPOPMIN', KEYS[6], 2)
    local start, stop = string.match(oldest[1], '^%d+'), string.match(oldest[3], ' (%d+) ')
    redis.call('ZADD', KEYS[6], stop, start .. ' ' .. stop .. ' expired')
  end
end

local first, last
local bytes = 0
local gone, left = {}, {}
for i, seq in ipairs(due) do
  local fields = entries[seq]
  local id, frame, sender = fields[2], fields[4], fields[6]
  -- state, delivery, seq, digest, bytes, acceptedAt, expiresAt, routedAt, writtenAt, settledAt, tries, node, reason
  local record = { string.match(redis.call('HGET', KEYS[4], id),
    '^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (.*)$') }
  record[1] = 'expired'
  record[10] = now
  redis.call('HSET', KEYS[4], id, table.concat(record, ' '))
  redis.call('XADD', KEYS[7], '*', 'id', id, 'frame', frame, 'seq', record[3], 'reason', 'expired', 'detail', '',
    'queuedAt', record[6], 'tries', record[11], 'node', record[12])
  gone[i] = id
  left[i] = record[3] .. '-0'
  bytes = bytes + #frame
  if record[2] == 'early' then
    redis.call('ZREM', KEYS[3], record[3])
  end
  if sender ~= '' then
    redis.call('PUBLISH', ARGV[8] .. sender, 'e ' .. id)
  end
  if first and seq > last + 1 then
    addGap(first, last)
    first = nil
  end
  first, last = first or seq, seq
end

if #due > 0 then
  addGap(first, last)
  redis.call('XDEL', KEYS[2], unpack(left))
  redis.call('RPUSH', KEYS[5], unpack(gone))
  redis.call('HINCRBY', KEYS[4], '#bytes', 0 - bytes)
  redis.call('HINCRBY', KEYS[4], '#waiting', -#due)
  redis.call('HINCRBY', KEYS[4], '#expired', #due)
  local dropped = redis.call('XTRIM', KEYS[7], 'MAXLEN', ARGV[5])
  if dropped > 0 then
    redis.call('HINCRBY', KEYS[4], '#deadDropped', dropped)
  end
  local session = redis.call('HMGET', KEYS[1], 'epoch', 'nodeId', 'status')
  if session[1] and session[3] ~= 'offline' then
    redis.call('PUBLISH', ARGV[7] .. session[2], 'g ' .. ARGV[1] .. ' ' .. session[1])
  end
end

-- Records that are over by number, then by age. A live message's record ages from its beginning.
local forgotten = 0
local kept = redis.call('LLEN', KEYS[5])
local oldestEndsAt
while kept > 0 and forgotten < most do
  local id = redis.call('LINDEX', KEYS[5], 0)
  local _, delivery, acceptedAt, settledAt = string.match(redis.call('HGET', KEYS[4], id) or '',
    '^(%S+) (%S+) %S+ %S+ %S+ (%S+) %S+ %S+ %S+ (%S+)')
  oldestEndsAt = delivery and tonumber(delivery == 'live' and acceptedAt or settledAt) + tonumber(ARGV[3])
  if kept <= tonumber(ARGV[4]) and oldestEndsAt and oldestEndsAt > now then
    break
  end
  redis.call('LPOP', KEYS[5])
  redis.call('HDEL', KEYS[4], id)
  kept = kept - 1
  forgotten = forgotten + 1
  oldestEndsAt = nil
end

-- No message expires before both of these.
local head = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
local nextDue = math.min(
  head and tonumber(head[2][8]) or math.huge,
  tonumber(redis.call('ZRANGE', KEYS[3], 0, 0, 'WITHSCORES')[2] or math.huge),
  oldestEndsAt or math.huge
)
local more = #due == most or (forgotten == most and kept > 0)
return { 'tidied', #due, forgotten, nextDue < math.huge and nextDue or 0, more and 1 or 0 }
