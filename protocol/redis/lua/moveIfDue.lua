-- moveIfDue: give an entry of a sorted set another score, unless somebody moved it meanwhile.
-- KEYS 1 index
-- ARGV 1 member 2 score 3 new score
-- Returns {'moved'} | {'changed'}
if redis.call('ZSCORE', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return { 'changed' }
end
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
return { 'moved' }
