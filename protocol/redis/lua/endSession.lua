-- endSession: compare-and-delete: the session ends only if this epoch still owns it, so that a late close of an old socket
-- never ends the new session.
-- KEYS 1 session 2 audit
-- ARGV 1 identifier 2 epoch 3 reason 4 nodeId 5 connectionId 6 events; '' for any epoch, node or connection: of a dead node
--      only what that node still owns, of a claim whose answer was lost only what that connection claimed
-- Returns {'ended', now} | {'stale'}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local session = redis.call('HMGET', KEYS[1], 'epoch', 'status', 'nodeId', 'connectionId')
if not session[1] or session[2] == 'offline' then
  return { 'stale' }
end
local function differs(wanted, stored)
  return wanted ~= '' and stored ~= wanted
end
if differs(ARGV[2], session[1]) or differs(ARGV[4], session[3]) or differs(ARGV[5], session[4]) then
  return { 'stale' }
end
redis.call('HSET', KEYS[1], 'status', 'offline', 'endedAt', now, 'endReason', ARGV[3])
redis.call('XADD', KEYS[2], 'MAXLEN', 200, '*', 'event', 'offline', 'previous', session[2], 'reason', ARGV[3])
redis.call('PUBLISH', ARGV[6], cjson.encode({ type = 'status', identifier = ARGV[1], status = 'offline', previous = session[2], reason = ARGV[3], at = now }))
return { 'ended', now }
