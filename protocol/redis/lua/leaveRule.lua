-- leaveRule: this replica no longer holds the rule. What waits in the inbox stays for the next one.
-- KEYS 1 replicas
-- ARGV 1 replicaId
-- Returns {'left', replicas that remain}
redis.call('ZREM', KEYS[1], ARGV[1])
return { 'left', redis.call('ZCARD', KEYS[1]) }
