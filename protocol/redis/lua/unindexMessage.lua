-- unindexMessage: forget whose message an id is, unless somebody noted it since.
-- KEYS 1 index
-- ARGV 1 identifier 2 keptUntil
-- Returns {'forgotten'} | {'kept'}
if redis.call('GET', KEYS[1]) ~= ARGV[1] or redis.call('PEXPIRETIME', KEYS[1]) ~= tonumber(ARGV[2]) then
  return { 'kept' }
end
redis.call('DEL', KEYS[1])
return { 'forgotten' }
