-- resealSecret: the same secret under the current master key, unless the trust changed meanwhile.
-- KEYS 1 trust
-- ARGV 1 trustVersion 2 sealedSecret as it was 3 sealedSecret anew
-- Returns {'resealed'} | {'stale'}
local trust = redis.call('HMGET', KEYS[1], 'version', 'sealedSecret')
if trust[1] ~= ARGV[1] or trust[2] ~= ARGV[2] then
  return { 'stale' }
end
redis.call('HSET', KEYS[1], 'sealedSecret', ARGV[3])
return { 'resealed' }
