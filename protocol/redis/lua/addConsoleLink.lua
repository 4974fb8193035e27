-- addConsoleLink: a link by which one person may sign in to the console once. Links that are over go; of too many the one that
-- ends first does.
-- KEYS 1 links
-- ARGV 1 hash of the link's token 2 ttlMs 3 how long one that is over is remembered (ms) 4 links at most 5 who asked for it
-- Returns {'added', expiresAt}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local expiresAt = now + tonumber(ARGV[2])
local count = 0
local first, firstEnds
local known = redis.call('HGETALL', KEYS[1])
for i = 1, #known, 2 do
  local ends = tonumber(string.match(known[i + 1], '^%d+'))
  if ends + tonumber(ARGV[3]) <= now then
    redis.call('HDEL', KEYS[1], known[i])
  else
    count = count + 1
    if not firstEnds or ends < firstEnds then
      first, firstEnds = known[i], ends
    end
  end
end
if count >= tonumber(ARGV[4]) then
  redis.call('HDEL', KEYS[1], first)
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%d', expiresAt) .. ' new ' .. ARGV[5])
redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[2]) + tonumber(ARGV[3]))
return { 'added', expiresAt }
