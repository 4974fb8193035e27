-- ackInbound: a message was handled: it leaves the group's pending list and the stream together.
-- KEYS 1 inbox
-- ARGV 1 group 2.. ids
-- Returns {'acked', count}
local group = table.remove(ARGV, 1)
local count = redis.call('XACK', KEYS[1], group, unpack(ARGV))
redis.call('XDEL', KEYS[1], unpack(ARGV))
return { 'acked', count }
