-- endConsoleSessions: sign out of the console: one session, or all of them and the links that were not used yet.
-- KEYS 1 links 2 sessions 3 audit
-- ARGV 1 hash of the session's token, '' for all 2 who decided it, '' for the session's own person
-- Returns {'ended', how many sessions}
if ARGV[1] == '' then
  local count = redis.call('HLEN', KEYS[2])
  redis.call('DEL', KEYS[1], KEYS[2])
  redis.call('XADD', KEYS[3], 'MAXLEN', 1000, '*', 'event', 'all_signed_out', 'by', ARGV[2])
  return { 'ended', count }
end
local by = string.match(redis.call('HGET', KEYS[2], ARGV[1]) or '', '^%d+ (.*)$')
if not by then
  return { 'ended', 0 }
end
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('XADD', KEYS[3], 'MAXLEN', 1000, '*', 'event', 'signed_out', 'by', by)
return { 'ended', 1 }
