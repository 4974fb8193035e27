-- forgetRule: drop the records of a rule that nobody holds, whose inbox is empty and which has no dead letters.
-- KEYS 1 holder 2 replicas 3 inbox 4 lanes 5 waiting 6 ready 7 tries 8 deadLetters
-- ARGV none
-- Returns {'forgotten'} | {'in_use'}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('ZCOUNT', KEYS[2], '(' .. string.format('%.0f', now), '+inf') > 0 or redis.call('XLEN', KEYS[3]) > 0
  or redis.call('XLEN', KEYS[8]) > 0 then
  return { 'in_use' }
end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8])
return { 'forgotten' }
