-- recentMessages: the records of a follower's newest messages: those that wait and those that ended. What they say stays here.
-- KEYS 1 messages 2 queue 3 settled
-- ARGV 1 how many of each
-- Returns {'found', then messageId and record of each}
local ids = {}
for _, entry in ipairs(redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', ARGV[1])) do
  ids[#ids + 1] = entry[2][2]
end
for _, id in ipairs(redis.call('LRANGE', KEYS[3], -tonumber(ARGV[1]), -1)) do
  ids[#ids + 1] = id
end
local reply = { 'found' }
if #ids == 0 then
  return reply
end
for i, record in ipairs(redis.call('HMGET', KEYS[1], unpack(ids))) do
  if record then
    reply[#reply + 1] = ids[i]
    reply[#reply + 1] = record
  end
end
return reply
