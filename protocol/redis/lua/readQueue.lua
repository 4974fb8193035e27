-- readQueue: what waits for a follower after a place of its queue, in order, and what was dropped from it.
-- KEYS 1 queue 2 queueDue 3 gaps
-- ARGV 1 afterSeq 2 maxMessages 3 maxBytes (one message is read whatever it has) 4 '1' to leave out what expired untold
-- Returns {'read', 1 when there is more or 0, number of gaps, then each gap as '<from> <to> <reason>', then of each message:
--         seq, id, frame, sender} | {'tidy_first'}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[4] ~= '1' then
  local head = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
  if (head and tonumber(head[2][8]) <= now) or redis.call('ZCOUNT', KEYS[2], '-inf', now) > 0 then
    return { 'tidy_first' }
  end
end
local gaps = redis.call('ZRANGE', KEYS[3], 0, -1)
local reply = { 'read', 0, #gaps, unpack(gaps) }

local messages, bytes = 0, 0
local maxMessages, maxBytes = tonumber(ARGV[2]), tonumber(ARGV[3])
local from = '(' .. ARGV[1] .. '-0'
repeat
  local entries = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 16)
  for _, entry in ipairs(entries) do
    local fields = entry[2]
    local id, frame, sender, expiresAt = fields[2], fields[4], fields[6], tonumber(fields[8])
    if expiresAt > now then
      if messages > 0 and (messages >= maxMessages or bytes + #frame > maxBytes) then
        reply[2] = 1
        return reply
      end
      messages = messages + 1
      bytes = bytes + #frame
      local place = #reply
      reply[place + 1] = string.match(entry[1], '^%d+')
      reply[place + 2] = id
      reply[place + 3] = frame
      reply[place + 4] = sender
    end
    from = '(' .. entry[1]
  end
until #entries == 0
return reply
