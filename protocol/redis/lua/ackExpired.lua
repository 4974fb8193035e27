-- ackExpired: the follower acks a message whose time ended while it was with the follower: it has it, so it is acked after all, and
-- no dead letter. Who waited for it was told that it expired; its record tells the rest.
-- KEYS 1 session 2 messages 3 gaps 4 deadLetters
-- ARGV 1 epoch 2 messageId 3 nodeId
-- Returns {'acked'} | {'stale'} | {'already'}
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then
  return { 'stale' }
end
-- state, delivery, seq, digest, bytes, acceptedAt, expiresAt, routedAt, writtenAt, settledAt, tries, node, reason
local record = { string.match(redis.call('HGET', KEYS[2], ARGV[2]) or '',
  '^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (.*)$') }
if record[1] ~= 'expired' then
  return { 'already' }
end
local seq = record[3]
record[1] = 'acked'
record[12] = ARGV[3]
redis.call('HSET', KEYS[2], ARGV[2], table.concat(record, ' '))
redis.call('HINCRBY', KEYS[2], '#expired', -1)
for _, entry in ipairs(redis.call('XRANGE', KEYS[4], '-', '+')) do
  if entry[2][2] == ARGV[2] and entry[2][6] == seq then
    redis.call('XDEL', KEYS[4], entry[1])
  end
end
-- A gap of others too stays: where it ends cannot be told apart any more.
redis.call('ZREM', KEYS[3], seq .. ' ' .. seq .. ' expired')
return { 'acked' }
