-- removeIfDue: take an entry out of a sorted set, unless somebody moved it meanwhile.
-- KEYS 1 index
-- ARGV 1 member 2 score
-- Returns {'removed'} | {'moved'}
if redis.call('ZSCORE', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return { 'moved' }
end
redis.call('ZREM', KEYS[1], ARGV[1])
return { 'removed' }
