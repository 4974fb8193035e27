-- openConsoleSession: exchange a link for a session, once. A link that was used, or is over, is refused, and that it was tried
-- stands in the audit: whoever did had it from somewhere. Of too many sessions the one that ends first goes.
-- KEYS 1 links 2 sessions 3 audit
-- ARGV 1 hash of the link's token 2 hash of the session's token 3 ttlMs 4 sessions at most 5 address
-- Returns {'opened', expiresAt, who asked for the link} | {'unknown'|'used'|'expired'}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ends, state, by = string.match(redis.call('HGET', KEYS[1], ARGV[1]) or '', '^(%d+) (%a+) (.*)$')
if not ends then
  return { 'unknown' }
end
local refusal = (state == 'used' and 'used') or (tonumber(ends) <= now and 'expired')
if refusal then
  redis.call('XADD', KEYS[3], 'MAXLEN', 1000, '*', 'event', 'link_refused', 'by', by, 'address', ARGV[5], 'reason', refusal)
  if refusal == 'used' then
    return { 'used' }
  end
  return { 'expired' }
end
redis.call('HSET', KEYS[1], ARGV[1], ends .. ' used ' .. by)

local count = 0
local first, firstEnds
local known = redis.call('HGETALL', KEYS[2])
for i = 1, #known, 2 do
  local sessionEnds = tonumber(string.match(known[i + 1], '^%d+'))
  if sessionEnds <= now then
    redis.call('HDEL', KEYS[2], known[i])
  else
    count = count + 1
    if not firstEnds or sessionEnds < firstEnds then
      first, firstEnds = known[i], sessionEnds
    end
  end
end
if count >= tonumber(ARGV[4]) then
  redis.call('HDEL', KEYS[2], first)
end
local expiresAt = now + tonumber(ARGV[3])
redis.call('HSET', KEYS[2], ARGV[2], string.format('%d', expiresAt) .. ' ' .. by)
redis.call('PEXPIRE', KEYS[2], ARGV[3])
redis.call('XADD', KEYS[3], 'MAXLEN', 1000, '*', 'event', 'signed_in', 'by', by, 'address', ARGV[5])
return { 'opened', expiresAt, by }
