-- forgetGaps: the follower was told of gaps for sure, on the session of this epoch.
-- KEYS 1 session 2 gaps
-- ARGV 1 epoch 2 upToSeq
-- Returns {'forgotten', count} | {'stale'}
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then
  return { 'stale' }
end
return { 'forgotten', redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[2]) }
