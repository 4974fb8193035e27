import { unlessAborted } from "./aborting.ts";
import {
  type ConnectionOptions,
  type ConnectionRole,
  openRedis,
  type RedisConnection,
  type RedisTls,
} from "./connection.ts";
import { RedisUnreachableError } from "./errors.ts";
import { Keys } from "./keys.ts";
import type { MessageRecord } from "./messageRecord.ts";
import { MessageSender, type MessageSenderOptions } from "./messageSender.ts";
import { Readiness } from "./readiness.ts";
import { type FollowOnOptions, NotPassedOnError, relayTo, replyWith } from "./ruleAnswers.ts";
import { type InboundMessage, RuleConsumer, type RuleConsumerOptions, type RuleHandler } from "./ruleConsumer.ts";
import { ensureSchemaVersion } from "./schemaVersion.ts";
import type { SendOptions } from "./sendOptions.ts";
import type { SendResult } from "./sendResult.ts";
import type { SettingNames } from "./settingNames.ts";
import { StatusChanges, type StatusListener } from "./statusChanges.ts";

export interface ClusterOptions extends MessageSenderOptions {
  readonly redisUrl: string;
  /** Certificates for a `rediss://` that needs them: the authority of Redis, and one of this process' own. */
  readonly tls?: RedisTls | undefined;
  /** `yonexus` unless given. */
  readonly keyPrefix?: string;
  /** What the reader of an error calls a setting, `redisUrl` say: as in the environment (`REDIS_URL`) unless given. */
  readonly setting?: SettingNames | undefined;
  /** How long to wait for Redis at first (ms): 5 s unless given, Infinity for ever. After that an outage is waited out. */
  readonly timeoutMs?: number;
  /** Aborted while `openCluster` waits, it closes everything and throws the signal's reason. Of no effect after that. */
  readonly signal?: AbortSignal;
  /** What fails in the background: Redis, a handler. Such things are tried again by themselves. */
  readonly onError?: (error: unknown) => void;
  /** Is told of each connection right after it was opened, before it is ready: to watch its health. It stays the cluster's to close. */
  readonly onConnection?: (redis: RedisConnection) => void;
}

export interface RuleOptions
  extends Pick<RuleConsumerOptions, "concurrency" | "maxTries" | "handlerTimeoutMs" | "leaseMs" | "stopTimeoutMs"> {
  /** Replicas of one group share the rule: `default` unless given. */
  readonly group?: string;
  /** How the text that a handler returns is sent back: queued, unless it says `delivery: "live"`. */
  readonly reply?: FollowOnOptions;
  /** An answer that its follower did not get, and of which nothing was kept. Without it `onError` is told. */
  readonly onUndelivered?: (message: InboundMessage, sent: SendResult) => void;
  /** What fails in the background in this rule alone: its handler, its reads, its answers. The cluster's `onError` unless given. */
  readonly onError?: (error: unknown) => void;
}

/** A rule that this process holds. */
export interface HeldRule {
  /** Whether it is held now: not while Redis is away for longer than the lease, nor once another group took it meanwhile. */
  readonly isLive: boolean;
  /** Lets handlers in progress finish, gives the rest back, and leaves the rule to other replicas. */
  stop(): Promise<void>;
}

/** A program's place in the cluster: it sends to followers and handles what they send, whichever node holds them. */
export interface Cluster {
  /** Opened for `commands`: for the stores and lists of this package. It ends with the cluster. */
  readonly redis: RedisConnection;
  readonly keys: Keys;
  /** @see MessageSender.sendMessageToClient */
  sendMessageToClient(identifier: string, message: string, options?: SendOptions): Promise<SendResult>;
  /** How far a message got. Records are kept for a day after the end, of the last 1,000 messages of a follower. */
  getMessage(messageId: string, identifier?: string): Promise<MessageRecord | undefined>;
  /**
   * Handles what followers send under a rule. A text that the handler returns goes back to the one that sent it.
   * @throws RuleHeldError when another group holds the rule; what Redis refuses it with, or the connection's error, when that does
   *   not work within seconds; RedisUnreachableError when the cluster is closed.
   */
  registerRule(rule: string, handler: RuleHandler, options?: RuleOptions): Promise<HeldRule>;
  /** A handler for `registerRule` that passes messages on to another follower, queued unless it says otherwise. */
  relayTo(to: Parameters<typeof relayTo>[0], options?: FollowOnOptions): RuleHandler;
  /**
   * Tells of each change of a follower's status from now on, **once at most**: pub/sub forgets what happens while Redis is away,
   * so whoever must know reads `FollowerDirectory` too. What the listener throws, or rejects with, is told to `onError`, and harms
   * no other. Waits for Redis while it is away, for 5 s. @returns how to stop.
   * @throws the connection's error when Redis does not answer in time; RedisUnreachableError when the cluster is closed.
   */
  onStatusChange(listener: StatusListener): Promise<() => void>;
  /** Leaves every rule and closes the connections. What waits for Redis meanwhile fails. */
  close(): Promise<void>;
}

const DEFAULT_TIMEOUT_MS = 5_000;
const LISTEN_TIMEOUT_MS = 5_000;

/**
 * Connects a program to the cluster through its Redis.
 * @throws RedisUrlError; the connection's error when Redis does not answer in time; SchemaMismatchError; the signal's reason.
 */
export async function openCluster(options: ClusterOptions): Promise<Cluster> {
  const { redisUrl, keyPrefix = "yonexus", timeoutMs = DEFAULT_TIMEOUT_MS, signal, onError = () => {} } = options;
  signal?.throwIfAborted();
  const keys = new Keys(keyPrefix);
  const connections = new Connections(redisUrl, options, onError);
  try {
    const commands = connections.open("commands");
    await new Readiness(commands).within(timeoutMs, signal);
    await unlessAborted(signal, ensureSchemaVersion(commands, keys, options.setting));
    return compose(connections, commands, connections.open("subscriber"), keys, { ...options, onError });
  } catch (error) {
    connections.closeAll();
    throw error;
  }
}

function compose(
  connections: Connections,
  commands: RedisConnection,
  subscriber: RedisConnection,
  keys: Keys,
  options: ClusterOptions & { readonly onError: (error: unknown) => void },
): Cluster {
  const sender = new MessageSender(commands, subscriber, keys, options);
  const statusChanges = new StatusChanges(subscriber, keys.events, options.onError, LISTEN_TIMEOUT_MS);
  /** Those that are held, and those that are being taken. */
  const rules = new Set<HeldRule>();
  const closing = new AbortController();
  return {
    redis: commands,
    keys,
    sendMessageToClient: (identifier, message, how) => sender.sendMessageToClient(identifier, message, how),
    getMessage: (messageId, identifier) => sender.getMessage(messageId, identifier),
    relayTo: (to, how) => relayTo(to, sender, { delivery: "queued", ...how }),
    onStatusChange: (listener) => statusChanges.listen(listener),
    async registerRule(
      rule,
      handler,
      { group = "default", reply, onUndelivered, onError = options.onError, ...how } = {},
    ) {
      closing.signal.throwIfAborted();
      const blocking = connections.open("blocking");
      try {
        const complain = (_message: InboundMessage, sent: SendResult) =>
          onError(new NotPassedOnError("The answer", sent));
        const answer = replyWith(sender, { delivery: "queued", ...reply }, onUndelivered ?? complain);
        const consumer = new RuleConsumer(commands, blocking, keys, { ...how, rule, group, handler, answer, onError });
        const held: HeldRule = {
          get isLive() {
            return consumer.isLive;
          },
          async stop() {
            await consumer.stop();
            connections.close(blocking);
            rules.delete(held);
          },
        };
        rules.add(held);
        await consumer.start().catch((error: unknown) => {
          rules.delete(held);
          throw error;
        });
        return held;
      } catch (error) {
        connections.close(blocking);
        throw error;
      }
    },
    async close() {
      closing.abort(new RedisUnreachableError("The connection to Redis was closed: open the cluster again."));
      statusChanges.close();
      await Promise.all([...rules].map((rule) => rule.stop()));
      await sender.close();
      connections.closeAll();
    },
  };
}

/** The connections of one program. */
class Connections {
  readonly #url: string;
  readonly #options: ConnectionOptions;
  readonly #onError: (error: unknown) => void;
  readonly #onConnection: ((redis: RedisConnection) => void) | undefined;
  readonly #open = new Set<RedisConnection>();

  constructor(url: string, options: ClusterOptions, onError: (error: unknown) => void) {
    const { tls, setting, onConnection } = options;
    this.#url = url;
    this.#options = { tls, setting };
    this.#onError = onError;
    this.#onConnection = onConnection;
  }

  open(role: ConnectionRole): RedisConnection {
    const redis = openRedis(this.#url, role, this.#options);
    redis.on("error", this.#onError);
    this.#open.add(redis);
    this.#onConnection?.(redis);
    return redis;
  }

  close(redis: RedisConnection): void {
    this.#open.delete(redis);
    redis.disconnect();
  }

  closeAll(): void {
    for (const redis of [...this.#open]) this.close(redis);
  }
}
