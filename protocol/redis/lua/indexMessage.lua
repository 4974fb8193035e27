-- indexMessage: note whose message an id is. The follower that has the id first keeps it; for the same one it is kept longer.
-- KEYS 1 index
-- ARGV 1 identifier 2 keepMs
-- Returns {'indexed', keptUntil} | {'taken'}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then
  return { 'taken' }
end
-- Never the same time twice: it tells one note from another, so that nobody takes out what somebody else noted since.
local keptUntil = math.max(now + tonumber(ARGV[2]), redis.call('PEXPIRETIME', KEYS[1]) + 1)
redis.call('SET', KEYS[1], ARGV[1], 'PXAT', keptUntil)
return { 'indexed', keptUntil }
