import type { Kind } from "./kind.ts";
import * as kind from "./kind.ts";

/** One line of the configuration: everything the loader and the documentation know about a setting. */
export interface Setting<T = unknown> {
  readonly env: string;
  /** The key in a configuration file, where it is not the name of the property in `Config`. */
  readonly fileKey?: string;
  /** Another name for it. Both at once are refused. */
  readonly also?: { readonly env: string; readonly fileKey: string };
  readonly group: SettingGroup;
  readonly kind: Kind<T>;
  /** Read by the same parser as a given value. Without it, and without `derived`, the setting may stay unset. */
  readonly default?: string;
  /** How the default is found, where it depends on the machine or on another setting. */
  readonly derived?: string;
  readonly about: string;
  /** The value is never printed, logged or repeated in a problem. */
  readonly secret?: true;
}

export const GROUPS = ["Redis", "Node", "Followers", "Notices", "Liveness", "Limits", "Admin", "Logs"] as const;
type SettingGroup = (typeof GROUPS)[number];

const DAY_MS = 86_400_000;
const milliseconds = (min: number, max: number) => kind.integer({ min, max, unit: "milliseconds" });
const bytes = (min: number, max: number) => kind.integer({ min, max, unit: "bytes" });
const count = (max: number) => kind.integer({ min: 1, max });

/** The one table of settings, by the name each has in `Config`. */
export const SETTINGS = {
  redisUrl: {
    env: "REDIS_URL",
    group: "Redis",
    kind: kind.redisUrl,
    secret: true,
    about:
      "The Redis of the cluster: redis://host:port, rediss://host:port, redis+unix:///path/to/redis.sock, redis+sentinel://host1:port,host2:port/name or redis+cluster://host1:port,host2:port. It may hold a password. Every process of the cluster needs the same.",
  },
  redisCa: {
    env: "YONEXUS_REDIS_CA",
    group: "Redis",
    kind: kind.filePath,
    about:
      "For rediss://: a PEM file with the certificates of the authorities that may sign the certificate of Redis. Without it those that Node.js knows may. It is read at the start.",
  },
  redisCert: {
    env: "YONEXUS_REDIS_CERT",
    group: "Redis",
    kind: kind.filePath,
    about:
      "For rediss://, where Redis asks for a certificate of its clients (tls-auth-clients): a PEM file with that of this process. It is read at the start.",
  },
  redisKey: {
    env: "YONEXUS_REDIS_KEY",
    group: "Redis",
    kind: kind.filePath,
    about: "The PEM file with the key of YONEXUS_REDIS_CERT, not encrypted.",
  },
  keyPrefix: {
    env: "YONEXUS_KEY_PREFIX",
    group: "Redis",
    kind: kind.name(32),
    default: "yonexus",
    about: "What every Redis key and channel begins with. Two clusters may share one Redis when their prefixes differ.",
  },
  masterKeys: {
    env: "YONEXUS_MASTER_KEY",
    fileKey: "masterKey",
    also: { env: "YONEXUS_MASTER_KEYS", fileKey: "masterKeys" },
    group: "Redis",
    kind: kind.masterKeys,
    secret: true,
    about:
      "Seals the secrets kept in Redis. Make one with `openssl rand -base64 32` and give the same to every process. To change it, YONEXUS_MASTER_KEYS takes several, separated by commas: the first seals, all of them open. docs/keys.md has the steps.",
  },
  nodeName: {
    env: "YONEXUS_NODE_NAME",
    group: "Node",
    kind: kind.name(40),
    derived: "the name of the machine",
    about: "What this process is called in lists and logs. A random part is added at every start.",
  },
  listenHost: {
    env: "YONEXUS_LISTEN_HOST",
    group: "Node",
    kind: kind.host,
    default: "127.0.0.1",
    about: "The address followers connect to. Use 0.0.0.0 to be reached from other machines.",
  },
  listenPort: {
    env: "YONEXUS_LISTEN_PORT",
    group: "Node",
    kind: kind.port,
    default: "8787",
    about: "The port followers connect to.",
  },
  tlsCert: {
    env: "YONEXUS_TLS_CERT",
    group: "Node",
    kind: kind.filePath,
    about:
      "A PEM file with the certificate of the node, and behind it those that lead to its authority. With it the node speaks TLS (wss://) and nothing else. When the file changes, new connections get the new certificate, and open ones stay.",
  },
  tlsKey: {
    env: "YONEXUS_TLS_KEY",
    group: "Node",
    kind: kind.filePath,
    about: "The PEM file with the key of YONEXUS_TLS_CERT, not encrypted.",
  },
  publicWsUrl: {
    env: "YONEXUS_PUBLIC_WS_URL",
    group: "Node",
    kind: kind.url("ws", "wss"),
    about:
      "Where followers reach this node, when that is not where it listens. The node gives it in `yonexus doctor`; nothing connects to it.",
  },
  trustedProxies: {
    env: "YONEXUS_TRUSTED_PROXIES",
    group: "Node",
    kind: kind.addressList,
    default: "",
    about:
      "Addresses and CIDR ranges of the load balancers whose X-Forwarded-For is believed, for followers and on the admin address. From anybody else the header is ignored.",
  },
  allowedOrigins: {
    env: "YONEXUS_ALLOWED_ORIGINS",
    group: "Node",
    kind: kind.originList,
    default: "",
    about:
      "The pages that may connect from a browser, by their origins. A browser lets any page connect anywhere and says which one it is; followers are programs and say nothing. Pages that are not named are answered 403.",
  },
  followerIdentifiers: {
    env: "YONEXUS_FOLLOWER_IDENTIFIERS",
    group: "Followers",
    kind: kind.identifierList,
    default: "",
    about:
      "The followers that may pair, separated by commas or spaces. The coordinator reads it, at its start; nodes do not. What it newly names is added to the allowlist kept in Redis, and what an earlier list had added and this one does not name is taken off, unless another configuration names it still: the followerIdentifiers of an OpenClaw gateway with the plugin. What only a gateway had let in that was not in use for 30 days is taken off too. What an operator decided stands: a follower that was revoked or taken off by hand stays out, whatever names it, until `yonexus allow add`. An empty list changes nothing.",
  },
  pairingTtlSeconds: {
    env: "YONEXUS_PAIRING_TTL_SECONDS",
    group: "Followers",
    kind: kind.integer({ min: 10, max: 86_400, unit: "seconds" }),
    default: "300",
    about: "How long a pairing code is good for.",
  },
  notifier: {
    env: "YONEXUS_NOTIFIER",
    group: "Notices",
    kind: kind.oneOf("discord", "console"),
    derived: "`discord` when YONEXUS_NOTIFY_BOT_TOKEN is set, else `console`",
    about: "Where pairing codes and other notices for the operator go.",
  },
  notifyBotToken: {
    env: "YONEXUS_NOTIFY_BOT_TOKEN",
    group: "Notices",
    kind: kind.botToken,
    secret: true,
    about: "The token of the Discord bot that sends the notices.",
  },
  adminUserId: {
    env: "YONEXUS_ADMIN_USER_ID",
    group: "Notices",
    kind: kind.discordUserId,
    about: "The Discord user the notices are sent to, as a direct message.",
  },
  discordApiUrl: {
    env: "YONEXUS_DISCORD_API_URL",
    group: "Notices",
    kind: kind.url("http", "https"),
    default: "https://discord.com/api/v10",
    about: "Where Discord's API is. Change it for a proxy.",
  },
  discordPublicKey: {
    env: "YONEXUS_DISCORD_PUBLIC_KEY",
    group: "Notices",
    kind: kind.discordPublicKey,
    about:
      "The public key of the bot's application, from its page. With it the notices of pairings have the buttons Approve and Deny, and the coordinators answer POST /discord/interactions on their admin port (YONEXUS_ADMIN_PORT): make that reachable by https, nothing else of that port, and enter it as the application's Interactions Endpoint URL. Only YONEXUS_ADMIN_USER_ID may press.",
  },
  unstableAfterMs: {
    env: "YONEXUS_UNSTABLE_AFTER_MS",
    group: "Liveness",
    kind: milliseconds(100, DAY_MS),
    default: "420000",
    about: "A follower is unstable after this long without a heartbeat.",
  },
  offlineAfterMs: {
    env: "YONEXUS_OFFLINE_AFTER_MS",
    group: "Liveness",
    kind: milliseconds(200, 7 * DAY_MS),
    default: "660000",
    about:
      "A follower is offline, and its connection closed, after this long without a heartbeat. It must be more than YONEXUS_UNSTABLE_AFTER_MS.",
  },
  sweepIntervalMs: {
    env: "YONEXUS_SWEEP_INTERVAL_MS",
    group: "Liveness",
    kind: milliseconds(100, 600_000),
    default: "5000",
    about: "How often the coordinators look for followers and nodes that fell silent.",
  },
  leaseMs: {
    env: "YONEXUS_LEASE_MS",
    group: "Liveness",
    kind: milliseconds(300, 600_000),
    default: "15000",
    about: "A node that has not renewed its lease for this long is dead. It is renewed every third of it.",
  },
  pingIntervalMs: {
    env: "YONEXUS_PING_INTERVAL_MS",
    group: "Liveness",
    kind: milliseconds(100, 600_000),
    default: "30000",
    about: "How often a node pings each connection. One that has not answered by the next ping is closed.",
  },
  drainWindowMs: {
    env: "YONEXUS_DRAIN_WINDOW_MS",
    group: "Liveness",
    kind: milliseconds(0, 600_000),
    default: "5000",
    about:
      "A node that stops spreads the closing of its connections over this long, so that they do not all come back at once.",
  },
  maxConnections: {
    env: "YONEXUS_MAX_CONNECTIONS",
    group: "Limits",
    kind: count(1_000_000),
    default: "15000",
    about: "Connections a node accepts. It stays below the process's own limit of open files whatever this says.",
  },
  maxUnauthenticated: {
    env: "YONEXUS_MAX_UNAUTHENTICATED",
    group: "Limits",
    kind: count(100_000),
    default: "1000",
    about: "Connections of a node that have not authenticated yet.",
  },
  maxUnauthenticatedPerAddress: {
    env: "YONEXUS_MAX_UNAUTHENTICATED_PER_ADDRESS",
    group: "Limits",
    kind: count(100_000),
    default: "20",
    about:
      "Connections of a node from one address that have not authenticated yet. A load balancer, or many followers behind one NAT, is one address: name the load balancer in YONEXUS_TRUSTED_PROXIES, so that its clients are counted by their own. Where that cannot be, set this as high as YONEXUS_MAX_UNAUTHENTICATED; strangers behind the same address can then use up the places of all.",
  },
  handshakeRatePerSecond: {
    env: "YONEXUS_HANDSHAKE_RATE",
    group: "Limits",
    kind: kind.integer({ min: 1, max: 100_000, unit: "connections a second" }),
    default: "800",
    about:
      "New connections that a node takes for long, so that followers that all come back at once do not stop those it has. The others are told when to come back. A core is full at about 1600.",
  },
  handshakeBurst: {
    env: "YONEXUS_HANDSHAKE_BURST",
    group: "Limits",
    kind: kind.integer({ min: 1, max: 100_000, unit: "connections" }),
    default: "400",
    about: "New connections that a node takes at once, before YONEXUS_HANDSHAKE_RATE holds.",
  },
  handshakeRatePerAddress: {
    env: "YONEXUS_HANDSHAKE_RATE_PER_ADDRESS",
    group: "Limits",
    kind: kind.integer({ min: 1, max: 100_000, unit: "connections a second" }),
    derived: "a quarter of YONEXUS_HANDSHAKE_RATE, rounded up",
    about:
      "New connections that a node takes from one address for long; of YONEXUS_HANDSHAKE_BURST an address has a share as large. The others of that address are told when to come back. Followers behind one NAT are one address: by default 200 of them a second get in, so 5,000 that come back together take 25 s at the least, and longer where YONEXUS_MAX_UNAUTHENTICATED_PER_ADDRESS holds them back. Raise it for them, at most to YONEXUS_HANDSHAKE_RATE; one address can then use up the rate of all. Behind a load balancer that YONEXUS_TRUSTED_PROXIES names, each client counts by its own address.",
  },
  maxPendingPairings: {
    env: "YONEXUS_MAX_PENDING_PAIRINGS",
    group: "Limits",
    kind: count(100_000),
    default: "200",
    about:
      "Connections of a node that wait for a pairing to be confirmed. They are counted apart from the unauthenticated ones.",
  },
  maxPendingPairingsPerAddress: {
    env: "YONEXUS_MAX_PENDING_PAIRINGS_PER_ADDRESS",
    group: "Limits",
    kind: count(100_000),
    default: "5",
    about: "Connections of a node from one address that wait for a pairing to be confirmed.",
  },
  handshakeTimeoutMs: {
    env: "YONEXUS_HANDSHAKE_TIMEOUT_MS",
    group: "Limits",
    kind: milliseconds(100, 600_000),
    default: "10000",
    about: "How long a new connection may take to say hello and to authenticate. Waiting for a pairing does not count.",
  },
  maxFrameBytes: {
    env: "YONEXUS_MAX_FRAME_BYTES",
    group: "Limits",
    kind: bytes(1024, 16_777_216),
    default: "65536",
    about: "The largest frame a follower may send.",
  },
  maxSendBufferBytes: {
    env: "YONEXUS_MAX_SEND_BUFFER_BYTES",
    group: "Limits",
    kind: bytes(1024, 1_073_741_824),
    default: "1048576",
    about:
      "What may wait to be sent to one follower. One that reads too slowly is disconnected. It must be at least YONEXUS_MAX_FRAME_BYTES.",
  },
  inboundRatePerSecond: {
    env: "YONEXUS_INBOUND_RATE_PER_SECOND",
    group: "Limits",
    kind: kind.integer({ min: 1, max: 100_000, unit: "messages a second" }),
    default: "50",
    about: "Messages a follower may send for long.",
  },
  inboundBurst: {
    env: "YONEXUS_INBOUND_BURST",
    group: "Limits",
    kind: kind.integer({ min: 1, max: 1_000_000, unit: "messages" }),
    default: "100",
    about: "Messages a follower may send at once, before YONEXUS_INBOUND_RATE_PER_SECOND holds.",
  },
  ruleBacklog: {
    env: "YONEXUS_RULE_BACKLOG",
    group: "Limits",
    kind: kind.integer({ min: 1, max: 10_000_000, unit: "messages" }),
    default: "10000",
    about: "Messages that may wait for the handlers of one rule. A follower that sends more is answered OVERLOADED.",
  },
  queueMessages: {
    env: "YONEXUS_QUEUE_MESSAGES",
    group: "Limits",
    kind: kind.integer({ min: 1, max: 100_000, unit: "messages" }),
    default: "1000",
    about:
      "Messages that may wait in the queue of one follower until it has them. A sender that queues more is answered `overflow`; nothing older is dropped for it.",
  },
  queueBytes: {
    env: "YONEXUS_QUEUE_BYTES",
    group: "Limits",
    kind: bytes(1024, 1_073_741_824),
    default: "1048576",
    about: "What the messages in the queue of one follower may have together.",
  },
  queueTtlSeconds: {
    env: "YONEXUS_QUEUE_TTL_SECONDS",
    group: "Limits",
    kind: kind.integer({ min: 1, max: 31_536_000, unit: "seconds" }),
    default: "86400",
    about:
      "How long a queued message waits for its follower when its sender does not say. After that it becomes a dead letter.",
  },
  adminHost: {
    env: "YONEXUS_ADMIN_HOST",
    group: "Admin",
    kind: kind.host,
    default: "127.0.0.1",
    about:
      "The address of the admin port. What it serves is for operators and machines that watch: keep it from everybody else.",
  },
  adminPort: {
    env: "YONEXUS_ADMIN_PORT",
    group: "Admin",
    kind: kind.port,
    about:
      "A node and a coordinator serve /metrics and /healthz there, a node also /readyz. Without it there is no admin port. Each process on a machine needs its own; `yonexus up` gives it to the coordinator, and the ports after it to the nodes.",
  },
  consoleUrl: {
    env: "YONEXUS_CONSOLE_URL",
    group: "Admin",
    kind: kind.url("http", "https"),
    about:
      "The address by which a browser reaches the admin port of the coordinators, such as http://127.0.0.1:9090. With it, and YONEXUS_ADMIN_PORT, a coordinator serves the operator's console there; `yonexus console` prints a link to sign in. Put TLS in front of it where it is reached from other machines.",
  },
  passphraseFile: {
    env: "YONEXUS_PASSPHRASE_FILE",
    group: "Admin",
    kind: { ...kind.filePath, hint: "it must be the path of a file that holds the passphrase, not what stands in it." },
    about:
      "A file with the passphrase of `yonexus trust export` and `yonexus trust import`, where no terminal is there to ask. Nothing else reads it.",
  },
  logLevel: {
    env: "YONEXUS_LOG_LEVEL",
    group: "Logs",
    kind: kind.oneOf("trace", "debug", "info", "warn", "error", "fatal", "silent"),
    default: "info",
    about: "The least serious log line that is written.",
  },
} as const satisfies Record<string, Setting>;

type Table = typeof SETTINGS;
export type SettingName = keyof Table;

type Given<S> = S extends { readonly kind: Kind<infer T> } ? T : never;
type Value<S> = S extends { readonly default: string } | { readonly derived: string } ? Given<S> : Given<S> | undefined;

/** The configuration of a process: read once at the start, frozen, and handed to the parts that need it. */
export type Config = {
  readonly [N in SettingName]: N extends "masterKeys" ? readonly Uint8Array[] : Value<Table[N]>;
};

/** The settings in the order of the documentation, with their names. */
export function listSettings(): readonly (Setting & { readonly name: SettingName; readonly fileKey: string })[] {
  return (Object.keys(SETTINGS) as SettingName[]).map((name) => {
    const setting: Setting = SETTINGS[name];
    return { ...setting, name, fileKey: setting.fileKey ?? name };
  });
}
