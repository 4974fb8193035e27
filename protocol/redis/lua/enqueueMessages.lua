-- enqueueMessages: queue messages for followers, in the order given, each once, and wake the nodes that hold their sessions.
-- What comes after a message that must wait for a tidying waits too.
-- KEYS 1.. session 2.. trust 3.. queue 4.. queueDue 5.. messages (these five of each follower)
-- ARGV 1 nodeChannelPrefix, then for each follower: identifier, count, and for each of its messages:
--      messageId, digest, ttlMs, senderId ('': nobody waits), maxMessages, maxBytes, frame
-- Returns {'enqueued', now, then for each message 'q <seq> <node that heard of it or ->' (queued) | 'd <record>' (a duplicate) |
--         'c' (id conflict) | 'm' (too many messages) | 'b' (too many bytes) | 'tm' or 'tb' (the same, but some are to be
--         tidied first) | 'u' (unknown identifier) | 'n' (identifier not allowed)}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local reply = { 'enqueued', now }

-- Lua writes a number as a float, which is slow, unless told.
local function whole(number)
  return string.format('%d', number)
end
local nowText = whole(now)

local function anyExpired(queue, queueDue)
  local head = redis.call('XRANGE', KEYS[queue], '-', '+', 'COUNT', 1)[1]
  return (head and tonumber(head[2][8]) <= now) or redis.call('ZCOUNT', KEYS[queueDue], '-inf', now) > 0
end

local at = 2
for k = 0, #KEYS - 1, 5 do
  local identifier, count = ARGV[at], tonumber(ARGV[at + 1])
  local first = at + 2
  at = first + count * 7
  local session = redis.call('HMGET', KEYS[k + 1], 'epoch', 'nodeId', 'status')
  -- Who is taken off the allowlist has no live session.
  local live = session[1] and session[3] ~= 'offline'
  local allowed = live and '1' or redis.call('HGET', KEYS[k + 2], 'allowed')
  if allowed ~= '1' then
    for _ = 1, count do
      reply[#reply + 1] = allowed and 'n' or 'u'
    end
  else
    local channel = live and ARGV[1] .. session[2]
    local fields = { '#seq', '#bytes', '#waiting', '#lastDue' }
    for i = 1, count do
      fields[i + 4] = ARGV[first + (i - 1) * 7]
    end
    local known = redis.call('HMGET', KEYS[k + 5], unpack(fields))
    local seq, bytes, waiting = tonumber(known[1] or 0), tonumber(known[2] or 0), tonumber(known[3] or 0)
    local lastDue = waiting > 0 and tonumber(known[4]) or 0
    local queuedNow, early, changes = {}, {}, {}
    local tidyFirst

    for i = 1, count do
      local item = first + (i - 1) * 7
      local id, digest, sender, frame = ARGV[item], ARGV[item + 1], ARGV[item + 3], ARGV[item + 6]
      local record = queuedNow[id] or known[i + 4]
      local full = (waiting >= tonumber(ARGV[item + 4]) and 'm') or (bytes + #frame > tonumber(ARGV[item + 5]) and 'b')
      local answer
      if tidyFirst then
        answer = tidyFirst
      elseif record then
        answer = string.match(record, '^%S+ %S+ %S+ (%S+)') == digest and 'd ' .. record or 'c'
      elseif full then
        tidyFirst = anyExpired(k + 3, k + 4) and 't' .. full
        answer = tidyFirst or full
      else
        seq = seq + 1
        bytes = bytes + #frame
        waiting = waiting + 1
        local place = whole(seq)
        local expiresAt = now + tonumber(ARGV[item + 2])
        local due = whole(expiresAt)
        redis.call('XADD', KEYS[k + 3], place .. '-0', 'id', id, 'frame', frame, 'sender', sender, 'expiresAt', due)
        -- The others expire in the order of the queue.
        local isEarly = expiresAt < lastDue
        if isEarly then
          early[#early + 1] = due
          early[#early + 1] = place
        else
          lastDue = expiresAt
        end
        local node, state, routedAt = '-', 'queued', '0'
        if channel and redis.call('PUBLISH', channel, 'q ' .. session[1] .. ' ' .. place .. ' ' .. id .. ' ' ..
          (sender == '' and '-' or sender) .. ' ' .. identifier .. '\n' .. frame) > 0 then
          node, state, routedAt = session[2], 'routed', nowText
        end
        record = state .. (isEarly and ' early ' or ' queued ') .. place .. ' ' .. digest .. ' ' .. whole(#frame) .. ' ' ..
          nowText .. ' ' .. due .. ' ' .. routedAt .. ' 0 0 0 ' .. node .. ' '
        queuedNow[id] = record
        changes[#changes + 1] = id
        changes[#changes + 1] = record
        answer = 'q ' .. place .. ' ' .. node
      end
      reply[#reply + 1] = answer
    end
    if #early > 0 then
      redis.call('ZADD', KEYS[k + 4], unpack(early))
    end
    if #changes > 0 then
      redis.call('HSET', KEYS[k + 5], '#seq', whole(seq), '#bytes', whole(bytes), '#waiting', whole(waiting),
        '#lastDue', whole(lastDue), unpack(changes))
    end
  end
end
return reply
