-- setAllowed: put an identifier on the allowlist, or take it off, which ends its live session, makes the pairings that wait
-- void, and leaves its trust. A configuration puts on what it is the first to name; the last that named it takes off only
-- what a configuration had put on: what an operator decided meanwhile stands. Whom an operator took off no configuration
-- puts on, and only an operator does.
-- KEYS 1 trust 2 session 3 audit
-- ARGV 1 identifier 2 '1'|'0' 3 nodeChannelPrefix 4 events 5 source of the configuration, or '' for an operator 6 maxSources
--      7 source that makes room where there are so many, or '' 8 '0' is only for what was named until then (ms), or ''
-- Returns {'changed', nodeId of the session that ended or ''} | {'unchanged', ''} | {'named_since', ''} |
--         {'too_many_sources', the sources}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local trust = redis.call('HMGET', KEYS[1], 'allowed', 'configured', 'revokedAt')
local allowed = trust[1] or '0'
local configured = trust[2]
local revoked = trust[3]
if ARGV[5] ~= '' then
  local own = 'by:' .. ARGV[5]
  local sources = {}
  for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
    if string.sub(field, 1, 3) == 'by:' then
      sources[#sources + 1] = field
    end
  end
  if configured and #sources == 0 then
    -- Written when there was one configuration, the coordinator's.
    sources[1] = 'by:coordinator'
    redis.call('HSET', KEYS[1], 'by:coordinator', 1)
  elseif not configured and #sources > 0 then
    -- A process of that time took it off, and knew nothing of the others.
    redis.call('HDEL', KEYS[1], unpack(sources))
    sources = {}
  end
  local room = ARGV[7] ~= '' and 'by:' .. ARGV[7]
  local named, hasRoom = false, #sources < tonumber(ARGV[6])
  for _, field in ipairs(sources) do
    named = named or field == own
    hasRoom = hasRoom or field == room
  end
  if ARGV[2] == '1' then
    if not named and not hasRoom then
      local reply = { 'too_many_sources' }
      for index, field in ipairs(sources) do
        reply[index + 1] = string.sub(field, 4)
      end
      return reply
    end
    if not named and #sources >= tonumber(ARGV[6]) then
      redis.call('HDEL', KEYS[1], room)
    end
    redis.call('HSET', KEYS[1], own, now)
    if configured then
      return { 'unchanged', '' }
    end
    redis.call('HSET', KEYS[1], 'configured', (allowed == '1' or revoked) and 'named' or 'added')
    if revoked then
      return { 'unchanged', '' }
    end
  else
    if not named then
      return { 'unchanged', '' }
    end
    if ARGV[8] ~= '' and tonumber(redis.call('HGET', KEYS[1], own)) > tonumber(ARGV[8]) then
      return { 'named_since', '' }
    end
    redis.call('HDEL', KEYS[1], own)
    if #sources > 1 then
      return { 'unchanged', '' }
    end
    redis.call('HDEL', KEYS[1], 'configured')
    if configured ~= 'added' then
      return { 'unchanged', '' }
    end
  end
elseif ARGV[2] == '1' then
  redis.call('HDEL', KEYS[1], 'revokedAt', 'revokedBy')
  if configured == 'added' then
    redis.call('HSET', KEYS[1], 'configured', 'named')
  end
elseif trust[1] then
  redis.call('HSET', KEYS[1], 'revokedAt', now, 'revokedBy', 'disallow')
end
if allowed == ARGV[2] then
  return { 'unchanged', '' }
end
redis.call('HSET', KEYS[1], 'allowed', ARGV[2])
redis.call('HSETNX', KEYS[1], 'version', 0)
redis.call('XADD', KEYS[3], 'MAXLEN', 200, '*', 'event', ARGV[2] == '1' and 'allowed' or 'disallowed')
if ARGV[2] == '1' then
  return { 'changed', '' }
end
redis.call('HINCRBY', KEYS[1], 'pairingEpoch', 1)
local session = redis.call('HMGET', KEYS[2], 'epoch', 'nodeId', 'status')
if not session[1] or session[3] == 'offline' then
  return { 'changed', '' }
end
redis.call('HSET', KEYS[2], 'status', 'offline', 'endedAt', now, 'endReason', 'identifier_not_allowed')
redis.call('XADD', KEYS[3], 'MAXLEN', 200, '*', 'event', 'offline', 'previous', session[3], 'reason', 'identifier_not_allowed')
redis.call('PUBLISH', ARGV[3] .. session[2], 'x ' .. ARGV[1] .. ' ' .. session[1] .. ' identifier_not_allowed')
redis.call('PUBLISH', ARGV[4], cjson.encode({ type = 'status', identifier = ARGV[1], status = 'offline', previous = session[3], reason = 'identifier_not_allowed', at = now }))
return { 'changed', session[2] }
