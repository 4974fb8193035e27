-- settleQueued: note how far queued messages got on the session of an epoch; what the follower has leaves its queue.
-- KEYS 1.. session 2.. queue 3.. queueDue 4.. messages 5.. settled (these five of each follower)
-- ARGV 1 records kept of messages that ended 2 records that may be kept beyond before they are forgotten, then for each
--      follower: count, and for each of its settlements: epoch, nodeId, messageId, 'a' (acked) or 's' (its socket took it, and
--      no ack will come) or 'w' (its socket took it), writtenAgoMs, '1' for a delivery that was not counted yet
-- Returns {'settled', one letter for each settlement: s settled, t stale epoch, u unknown message, l ended already}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local keep, beyond = tonumber(ARGV[1]), tonumber(ARGV[2])
local answers = {}

-- Lua writes a number as a float, which is slow, unless told.
local function whole(number)
  return string.format('%d', number)
end
local nowText = whole(now)

local at = 3
for k = 0, #KEYS - 1, 5 do
  local count = tonumber(ARGV[at])
  local first = at + 1
  at = first + count * 6
  local epoch = redis.call('HGET', KEYS[k + 1], 'epoch')
  local fields = { '#bytes', '#waiting' }
  for i = 1, count do
    fields[i + 2] = ARGV[first + (i - 1) * 6 + 2]
  end
  local known = redis.call('HMGET', KEYS[k + 4], unpack(fields))
  local bytes, waiting = tonumber(known[1] or 0), tonumber(known[2] or 0)
  local records, changed, ended, entries, early = {}, {}, {}, {}, {}

  for i = 1, count do
    local item = first + (i - 1) * 6
    local id, outcome = ARGV[item + 2], ARGV[item + 3]
    local record = records[id]
    if not record and known[i + 2] then
      -- state, delivery, seq, digest, bytes, acceptedAt, expiresAt, routedAt, writtenAt, settledAt, tries, node, reason
      record = { string.match(known[i + 2],
        '^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (.*)$') }
      records[id] = record
    end
    local answer = 's'
    if epoch ~= ARGV[item] then
      answer = 't'
    elseif not record or not record[2] or record[2] == 'live' then
      answer = 'u'
    elseif record[10] ~= '0' then
      answer = 'l'
    else
      if not record.isChanged then
        record.isChanged = true
        changed[#changed + 1] = id
      end
      local isNewTry = ARGV[item + 5] == '1'
      if isNewTry then
        record[11] = whole(tonumber(record[11]) + 1)
      end
      if isNewTry or record[9] == '0' then
        record[9] = whole(math.max(tonumber(record[6]), now - tonumber(ARGV[item + 4])))
      end
      record[12] = ARGV[item + 1]
      record[1] = outcome == 'a' and 'acked' or 'written'
      if outcome ~= 'w' then
        record[10] = nowText
        bytes = bytes - tonumber(record[5])
        waiting = waiting - 1
        ended[#ended + 1] = id
        entries[#entries + 1] = record[3] .. '-0'
        if record[2] == 'early' then
          early[#early + 1] = record[3]
        end
      end
    end
    answers[#answers + 1] = answer
  end

  if #early > 0 then
    redis.call('ZREM', KEYS[k + 3], unpack(early))
  end
  if #changed > 0 then
    local values = {}
    for i, id in ipairs(changed) do
      values[i * 2 - 1] = id
      values[i * 2] = table.concat(records[id], ' ')
    end
    redis.call('HSET', KEYS[k + 4], '#bytes', whole(bytes), '#waiting', whole(waiting), unpack(values))
  end
  if #ended > 0 then
    redis.call('XDEL', KEYS[k + 2], unpack(entries))
    local kept = redis.call('RPUSH', KEYS[k + 5], unpack(ended))
    if kept > keep + beyond then
      redis.call('HDEL', KEYS[k + 4], unpack(redis.call('LPOP', KEYS[k + 5], math.min(kept - keep, 1000))))
    end
  end
end
return { 'settled', table.concat(answers) }
