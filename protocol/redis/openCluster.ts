import { openRedis, type RedisConnection } from "./connection.ts";
import { Keys } from "./keys.ts";
import type { MessageRecord } from "./messageRecord.ts";
import { MessageSender, type MessageSenderOptions } from "./messageSender.ts";
import { Readiness } from "./readiness.ts";
import { type FollowOnOptions, NotPassedOnError, relayTo, replyWith } from "./ruleAnswers.ts";
import { type InboundMessage, RuleConsumer, type RuleConsumerOptions, type RuleHandler } from "./ruleConsumer.ts";
import { ensureSchemaVersion } from "./schemaVersion.ts";
import type { SendOptions } from "./sendOptions.ts";
import type { SendResult } from "./sendResult.ts";

export interface ClusterOptions extends MessageSenderOptions {
  readonly redisUrl: string;
  /** `yonexus` unless given. */
  readonly keyPrefix?: string;
  /** How long to wait for Redis at first (ms): 5 s. After that an outage is waited out. */
  readonly timeoutMs?: number;
  /** What fails in the background: Redis, a handler. Such things are tried again by themselves. */
  readonly onError?: (error: unknown) => void;
}

export interface RuleOptions
  extends Pick<RuleConsumerOptions, "concurrency" | "maxTries" | "handlerTimeoutMs" | "leaseMs"> {
  /** Replicas of one group share the rule: `default` unless given. */
  readonly group?: string;
  /** How the text that a handler returns is sent back: queued, unless it says `delivery: "live"`. */
  readonly reply?: FollowOnOptions;
  /** An answer that its follower did not get, and of which nothing was kept. Without it `onError` is told. */
  readonly onUndelivered?: (message: InboundMessage, sent: SendResult) => void;
}

/** A rule that this process holds. */
export interface HeldRule {
  /** Lets handlers in progress finish, gives the rest back, and leaves the rule to other replicas. */
  stop(): Promise<void>;
}

/** A program's place in the cluster: it sends to followers and handles what they send, whichever node holds them. */
export interface Cluster {
  /** @see MessageSender.sendMessageToClient */
  sendMessageToClient(identifier: string, message: string, options?: SendOptions): Promise<SendResult>;
  /** How far a message got. Records are kept for a day after the end, of the last 1,000 messages of a follower. */
  getMessage(messageId: string, identifier?: string): Promise<MessageRecord | undefined>;
  /** Handles what followers send under a rule. A text that the handler returns goes back to the one that sent it. */
  registerRule(rule: string, handler: RuleHandler, options?: RuleOptions): Promise<HeldRule>;
  /** A handler for `registerRule` that passes messages on to another follower, queued unless it says otherwise. */
  relayTo(to: Parameters<typeof relayTo>[0], options?: FollowOnOptions): RuleHandler;
  /** Leaves every rule and closes the connections. */
  close(): Promise<void>;
}

const DEFAULT_TIMEOUT_MS = 5_000;

/**
 * Connects a program to the cluster through its Redis.
 * @throws RedisUrlError; the connection's error when Redis does not answer in time; SchemaMismatchError.
 */
export async function openCluster(options: ClusterOptions): Promise<Cluster> {
  const { redisUrl, keyPrefix = "yonexus", timeoutMs = DEFAULT_TIMEOUT_MS, onError = () => {} } = options;
  const keys = new Keys(keyPrefix);
  const connections = new Set<RedisConnection>();
  const connect = (role: "commands" | "subscriber" | "blocking"): RedisConnection => {
    const redis = openRedis(redisUrl, role);
    redis.on("error", onError);
    connections.add(redis);
    return redis;
  };
  const disconnect = (redis: RedisConnection): void => {
    connections.delete(redis);
    redis.disconnect();
  };

  const commands = connect("commands");
  const rules = new Set<HeldRule>();
  try {
    await new Readiness(commands).within(timeoutMs);
    await ensureSchemaVersion(commands, keys);
  } catch (error) {
    disconnect(commands);
    throw error;
  }
  const sender = new MessageSender(commands, connect("subscriber"), keys, options);

  return {
    sendMessageToClient: (identifier, message, how) => sender.sendMessageToClient(identifier, message, how),
    getMessage: (messageId, identifier) => sender.getMessage(messageId, identifier),
    relayTo: (to, how) => relayTo(to, sender, { delivery: "queued", ...how }),
    async registerRule(rule, handler, { group = "default", reply, onUndelivered, ...how } = {}) {
      const blocking = connect("blocking");
      const complain = (_message: InboundMessage, sent: SendResult) =>
        onError(new NotPassedOnError("The answer", sent));
      const answer = replyWith(sender, { delivery: "queued", ...reply }, onUndelivered ?? complain);
      const consumer = new RuleConsumer(commands, blocking, keys, { ...how, rule, group, handler, answer, onError });
      const held: HeldRule = {
        async stop() {
          rules.delete(held);
          await consumer.stop();
          disconnect(blocking);
        },
      };
      try {
        await consumer.start();
      } catch (error) {
        disconnect(blocking);
        throw error;
      }
      rules.add(held);
      return held;
    },
    async close() {
      await Promise.all([...rules].map((rule) => rule.stop()));
      await sender.close();
      for (const redis of [...connections]) disconnect(redis);
    },
  };
}
