-- leaveRule: this replica no longer holds the rule. What waits in the inbox stays for the next one; what the replica was
-- given and did not ack is `pending`, and to be parked.
-- KEYS 1 holder 2 replicas 3 inbox
-- ARGV 1 replicaId
-- Returns {'left'} | {'pending'}
if not redis.call('ZSCORE', KEYS[2], ARGV[1]) then
  return { 'left' }
end
local group = redis.call('HGET', KEYS[1], 'group')
local pending = redis.pcall('XPENDING', KEYS[3], group or '', '-', '+', 1, ARGV[1])
if pending[1] then
  redis.call('ZADD', KEYS[2], 1, ARGV[1])
  return { 'pending' }
end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.pcall('XGROUP', 'DELCONSUMER', KEYS[3], group or '', ARGV[1])
return { 'left' }
