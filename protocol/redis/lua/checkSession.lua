-- checkSession: whether this epoch still owns the session: asked before a message of it goes on.
-- KEYS 1 session
-- ARGV 1 epoch
-- Returns {'owner', now} | {'stale'}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local session = redis.call('HMGET', KEYS[1], 'epoch', 'status')
if session[1] ~= ARGV[1] or session[2] == 'offline' then
  return { 'stale' }
end
return { 'owner', now }
