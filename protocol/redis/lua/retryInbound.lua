-- retryInbound: put dead letters of a rule back into its inbox, behind what waits there. What has no room stays a dead letter.
-- KEYS 1 inbox 2 deadLetters
-- ARGV 1 maxBacklog 2.. ids of dead letters
-- Returns {'retried', count, ids that are not there, ids that had no room}
local room = tonumber(ARGV[1]) - redis.call('XLEN', KEYS[1])
local retried, missing, full = 0, 0, 0
for i = 2, #ARGV do
  local entry = redis.call('XRANGE', KEYS[2], ARGV[i], ARGV[i])[1]
  if not entry then
    missing = missing + 1
  elseif retried >= room then
    full = full + 1
  else
    local fields = {}
    for f = 1, #entry[2], 2 do
      fields[entry[2][f]] = entry[2][f + 1]
    end
    local values = { 'from', fields.from, 'content', fields.content }
    if fields.messageId then
      values[#values + 1] = 'id'
      values[#values + 1] = fields.messageId
    end
    redis.call('XADD', KEYS[1], '*', unpack(values))
    redis.call('XDEL', KEYS[2], ARGV[i])
    retried = retried + 1
  end
end
return { 'retried', retried, missing, full }
