-- heldInbound: what a replica was given and did not ack, some at a time: asked when an answer of Redis may have been lost.
-- KEYS 1 inbox 2 tries
-- ARGV 1 group 2 replicaId 3 id to begin after ('-': from the first) 4 count
-- Returns {'held', count, (id, from, content, messageId, failed tries) of each}
local after = ARGV[3] == '-' and '-' or '(' .. ARGV[3]
local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], after, '+', ARGV[4], ARGV[2])
if pending.err then
  if string.find(pending.err, 'NOGROUP', 1, true) then
    return { 'held', 0 }
  end
  return pending
end
local reply = { 'held', #pending }
for _, each in ipairs(pending) do
  local fields = {}
  local entry = redis.call('XRANGE', KEYS[1], each[1], each[1])[1]
  for index = 1, entry and #entry[2] or 0, 2 do
    fields[entry[2][index]] = entry[2][index + 1]
  end
  local place = #reply
  reply[place + 1] = each[1]
  reply[place + 2] = fields['from'] or ''
  reply[place + 3] = fields['content'] or ''
  reply[place + 4] = fields['id'] or ''
  reply[place + 5] = tonumber(string.match(redis.call('HGET', KEYS[2], each[1]) or '0', '^%d+'))
end
return reply
