import { Cluster, type ClusterOptions, Redis, type RedisOptions } from "ioredis";
import { RedisUrlError } from "./errors.ts";
import { SCRIPTS } from "./luaSources.ts";
import { parseRedisUrl } from "./redisUrl.ts";
import { inEnvironment, type SettingNames } from "./settingNames.ts";

export type RedisConnection = Redis | Cluster;

type ClusterRedisOptions = NonNullable<ClusterOptions["redisOptions"]> & { replyMapping: "legacy" };

/** On a Redis Cluster a script's PUBLISH counts the receivers of one server only. */
export function isCluster(redis: RedisConnection): redis is Cluster {
  return redis instanceof Cluster;
}

/**
 * What a connection is for. They are separate sockets, because each blocks or floods the others:
 * - `commands`: scripts and reads; pipelined by itself; fails fast while Redis is away.
 * - `subscriber`: pub/sub only; subscribes again by itself.
 * - `blocking`: XREADGROUP BLOCK for a few seconds at a time; a read fails when the connection breaks.
 * - `producer`: adds BullMQ jobs; fails fast. - `worker`: BullMQ workers; retries for ever, as BullMQ asks.
 */
export type ConnectionRole = "commands" | "subscriber" | "blocking" | "producer" | "worker";

/** Scripts that take keys for each item. They are batches already. */
const UNCOUNTED_SCRIPTS = Object.entries(SCRIPTS).flatMap(([name, script]) => ("numberOfKeys" in script ? [] : [name]));
/** How long a command may take before it counts as failed (ms). */
const COMMAND_TIMEOUT_MS = 3_000;
/** Replies that come within this were sent to the same connection (ms). */
const SAME_BURST_MS = 20;
/** A connection that found a replica looks for another primary this often (ms). */
const RECONNECT_AGAIN_MS = 5_000;
/** A Redis that loads its data is asked again this often; ioredis would wait as long as Redis guesses, up to ten seconds (ms). */
const LOADING_LOOK_MS = 500;
/** A read that blocks is answered in less than this; after it the connection counts as dead (ms). */
const BLOCKING_SILENCE_MS = 10_000;

function optionsFor(role: ConnectionRole) {
  const common = {
    protocol: 2 as const,
    connectTimeout: 5_000,
    maxLoadingRetryTime: LOADING_LOOK_MS,
    retryStrategy: (attempt: number) => Math.min(50 * 2 ** Math.min(attempt, 6), 2_000) * (0.5 + Math.random() / 2),
    // Without a queue a command that is sent again finds no connection, and its caller would hear of that alone.
    reconnectOnError: reconnectAfterFailover(role === "subscriber" || role === "worker" ? 2 : 1),
  };
  switch (role) {
    case "commands":
      return {
        ...common,
        enableAutoPipelining: true,
        enableOfflineQueue: false,
        commandTimeout: COMMAND_TIMEOUT_MS,
        maxRetriesPerRequest: 0,
        // A command whose reply was lost may have run: only its caller knows whether to send it again.
        autoResendUnfulfilledCommands: false,
        scripts: SCRIPTS,
        // ioredis would take the count of their keys for the key that names the server.
        autoPipeliningIgnoredCommands: UNCOUNTED_SCRIPTS,
      };
    case "subscriber":
      // ioredis' own resubscription is a promise that nobody holds: refused by a closing connection, it would end the
      // process. `Subscription` does it.
      return { ...common, autoResubscribe: false, maxRetriesPerRequest: null };
    case "blocking":
      return {
        ...common,
        // A read must fail when the connection breaks or is away, so that its loop goes on: one in flight that is not sent
        // again is never answered, nor is one that was queued when `disconnect()` came between two tries to reconnect.
        maxRetriesPerRequest: 0,
        enableOfflineQueue: false,
        autoResendUnfulfilledCommands: false,
        socketTimeout: BLOCKING_SILENCE_MS,
      };
    case "producer":
      return { ...common, enableOfflineQueue: false, commandTimeout: COMMAND_TIMEOUT_MS, maxRetriesPerRequest: 0 };
    case "worker":
      return { ...common, maxRetriesPerRequest: null };
  }
}

/**
 * After a failover the old primary answers READONLY: reconnect. A server that still answers so after that is a replica for
 * good, and whoever asked must hear it.
 * @param how ioredis' word: 1 to reconnect, 2 to send the command again as well.
 */
function reconnectAfterFailover(how: 1 | 2): (error: Error) => 1 | 2 | false {
  let reconnectedAt = Number.NEGATIVE_INFINITY;
  return (error) => {
    if (!error.message.startsWith("READONLY")) return false;
    const age = performance.now() - reconnectedAt;
    // The replies to one burst of commands come together.
    if (age < SAME_BURST_MS) return how;
    if (age < RECONNECT_AGAIN_MS) return false;
    reconnectedAt = performance.now();
    return how;
  };
}

/** Whom a connection by `rediss://` trusts, and as whom it comes: PEM texts. */
export interface RedisTls {
  /** The authorities that may sign the certificate of Redis; those that Node.js knows unless given. */
  readonly ca?: string;
  /** The certificate of this process, where Redis asks for one. */
  readonly cert?: string;
  /** Of that certificate. A secret. */
  readonly key?: string;
}

export interface ConnectionOptions {
  /** For a URL with `rediss://` alone. */
  readonly tls?: RedisTls | undefined;
  /** What the reader of an error calls a setting; as in the environment unless given. */
  readonly setting?: SettingNames | undefined;
}

/**
 * Opens a connection; it goes on trying by itself. The caller listens to `error` and ends it with `disconnect()`.
 * @throws RedisUrlError when the URL is none, or certificates are given for one without TLS: it would not be as safe as it looks.
 */
export function openRedis(
  url: string,
  role: ConnectionRole,
  { tls, setting = inEnvironment }: ConnectionOptions = {},
): RedisConnection {
  const target = parseRedisUrl(url, setting);
  const options: RedisOptions = optionsFor(role);
  if (tls !== undefined && target.options.tls === undefined) {
    throw new RedisUrlError(
      `There are certificates for Redis (${setting("redisCa")}, ${setting("redisCert")}), and ${setting("redisUrl")} speaks no TLS: write rediss://, or leave the certificates out.`,
    );
  }
  if (target.kind !== "cluster") {
    const secure = target.options.tls === undefined ? {} : { tls: { ...target.options.tls, ...tls } };
    return new Redis({ ...options, ...target.options, ...secure, replyMapping: "legacy" });
  }
  const {
    retryStrategy,
    enableOfflineQueue,
    enableAutoPipelining,
    autoPipeliningIgnoredCommands,
    scripts,
    ...perNode
  } = options;
  return new Cluster([...target.nodes], {
    clusterRetryStrategy: (attempt) => retryStrategy?.(attempt),
    enableAutoPipelining,
    ...(autoPipeliningIgnoredCommands === undefined ? {} : { autoPipeliningIgnoredCommands }),
    scripts: scripts as ClusterOptions["scripts"],
    enableOfflineQueue: enableOfflineQueue ?? true,
    redisOptions: { ...perNode, ...target.options, replyMapping: "legacy" } as ClusterRedisOptions,
  });
}

/** Waits until the connection answers. Resolves at once when it is ready; never rejects, the connection retries. */
export async function whenReady(redis: RedisConnection): Promise<void> {
  if (redis.status === "ready") return;
  await new Promise<void>((resolve) => {
    redis.once("ready", () => resolve());
  });
}
