-- useConsoleSession: whose session of the console it is, which is in use and so lasts longer.
-- KEYS 1 sessions
-- ARGV 1 hash of the session's token 2 ttlMs 3 by how much its end must move to be written (ms)
-- Returns {'live', expiresAt, by} | {'none'}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ends, by = string.match(redis.call('HGET', KEYS[1], ARGV[1]) or '', '^(%d+) (.*)$')
if not ends or tonumber(ends) <= now then
  return { 'none' }
end
local expiresAt = now + tonumber(ARGV[2])
if expiresAt - tonumber(ends) < tonumber(ARGV[3]) then
  return { 'live', tonumber(ends), by }
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%d', expiresAt) .. ' ' .. by)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return { 'live', expiresAt, by }
