-- resealSecret: the same secrets under the current master key, unless the trust changed meanwhile.
-- KEYS 1 trust
-- ARGV 1 trustVersion 2.. for each secret: its field, sealed as it was, sealed anew
-- Returns {'resealed'} | {'stale'}
if redis.call('HGET', KEYS[1], 'version') ~= ARGV[1] then
  return { 'stale' }
end
for index = 2, #ARGV, 3 do
  if redis.call('HGET', KEYS[1], ARGV[index]) ~= ARGV[index + 1] then
    return { 'stale' }
  end
end
for index = 2, #ARGV, 3 do
  redis.call('HSET', KEYS[1], ARGV[index], ARGV[index + 2])
end
return { 'resealed' }
