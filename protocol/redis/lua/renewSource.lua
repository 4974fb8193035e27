-- renewSource: a configuration of the allowlist is in use still. One that lapsed is not renewed, since what it let in may have been
-- taken off: it must be applied again.
-- KEYS 1 sources
-- ARGV 1 source 2 how long a source counts after it was last renewed (ms)
-- Returns {'renewed'} | {'lapsed'}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local renewedAt = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not renewedAt or tonumber(renewedAt) + tonumber(ARGV[2]) <= now then
  return { 'lapsed' }
end
redis.call('ZADD', KEYS[1], 'GT', now, ARGV[1])
return { 'renewed' }
