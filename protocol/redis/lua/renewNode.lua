-- renewNode: take or renew a node's lease. It is alive while this key exists.
-- KEYS 1 node
-- ARGV 1 leaseMs 2.. field value …
-- Returns {'renewed', now}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease = table.remove(ARGV, 1)
redis.call('HSET', KEYS[1], 'renewedAt', now, unpack(ARGV))
redis.call('PEXPIRE', KEYS[1], lease)
return { 'renewed', now }
