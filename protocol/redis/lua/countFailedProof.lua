-- countFailedProof: count a proof that failed, in a fixed window that begins with the first.
-- KEYS 1 attempts
-- ARGV 1 windowMs
-- Returns {'counted', count}
local count = redis.call('INCR', KEYS[1])
if count == 1 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return { 'counted', count }
