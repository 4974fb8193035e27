-- refuseDecider: writes down that somebody who may not decide tried to; not again while the audit says so, so that who tries again
-- and again pushes nothing else out of it.
-- KEYS 1 trust 2 audit
-- ARGV 1 event 2 fingerprint 3 by
-- Returns {'noted'} | {'same'} | {'unknown'}
-- Of a follower that nobody knows nothing is kept.
if redis.call('HEXISTS', KEYS[1], 'allowed') == 0 then
  return { 'unknown' }
end
local entry = { 'event', ARGV[1], 'reason', 'not_the_operator', 'fingerprint', ARGV[2], 'by', ARGV[3] }
local text = table.concat(entry, ' ')
for _, newer in ipairs(redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 200)) do
  if table.concat(newer[2], ' ') == text then
    return { 'same' }
  end
end
redis.call('XADD', KEYS[2], 'MAXLEN', 200, '*', unpack(entry))
return { 'noted' }
