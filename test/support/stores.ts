import { randomBytes } from "node:crypto";
import {
  AttemptStore,
  type Claim,
  type ClaimResult,
  type ConnectionRole,
  DeadLetters,
  FollowerDirectory,
  Keyring,
  Keys,
  LivenessIndex,
  NodeStore,
  openRedis,
  PAIRING_LIMITS,
  type PairingLimits,
  PairingStore,
  type RedisConnection,
  RuleStore,
  redisNow,
  SessionStore,
  Subscription,
  TrustStore,
  whenReady,
} from "@yonexus/protocol/redis";
import { keyFingerprint } from "@yonexus/protocol/wire";

export interface StoreOptions {
  /** Of a second process beside the first: the same key space. One of its own unless told. */
  readonly keys?: Keys;
  readonly masterKeys?: readonly Uint8Array[];
  readonly limits?: Partial<PairingLimits>;
}

/** The stores of one process under test, on connections of their own. */
export interface Stores {
  readonly keys: Keys;
  readonly keyring: Keyring;
  readonly redis: RedisConnection;
  readonly attempts: AttemptStore;
  readonly deadLetters: DeadLetters;
  readonly directory: FollowerDirectory;
  readonly liveness: LivenessIndex;
  readonly nodes: NodeStore;
  readonly pairings: PairingStore;
  readonly rules: RuleStore;
  readonly sessions: SessionStore;
  readonly trust: TrustStore;
  /** Redis time (ms). */
  now(): Promise<number>;
  /** A further connection; it ends with the others. */
  open(role: ConnectionRole): Promise<RedisConnection>;
  /** What is published on a channel from now on, in order. */
  record(channel: string): Promise<string[]>;
  close(): void;
}

/** A key of a follower, as a hello names it. */
export interface FollowerKey {
  readonly publicKey: string;
  readonly fingerprint: string;
}

export const MASTER_KEY = new Uint8Array(32).fill(7);

/** Opens the stores of a process on a started Redis, in a key space of their own. */
export async function openStores(url: string, options: StoreOptions = {}): Promise<Stores> {
  const keys = options.keys ?? new Keys(`test-${randomBytes(6).toString("hex")}`);
  const keyring = new Keyring(options.masterKeys ?? [MASTER_KEY]);
  const connections: RedisConnection[] = [];
  const open = async (role: ConnectionRole): Promise<RedisConnection> => {
    const connection = openRedis(url, role);
    // A test that ends Redis means to; the commands that fail say so themselves.
    connection.on("error", () => {});
    connections.push(connection);
    await whenReady(connection);
    return connection;
  };
  const redis = await open("commands");
  return {
    keys,
    keyring,
    redis,
    attempts: new AttemptStore(redis, keys),
    deadLetters: new DeadLetters(redis, keys),
    directory: new FollowerDirectory(redis, keys),
    liveness: new LivenessIndex(redis, keys),
    nodes: new NodeStore(redis, keys),
    pairings: new PairingStore(redis, keys, keyring, { ...PAIRING_LIMITS, ...options.limits }),
    rules: new RuleStore(redis, keys),
    sessions: new SessionStore(redis, keys),
    trust: new TrustStore(redis, keys, keyring),
    now: () => redisNow(redis),
    open,
    record: async (channel) => {
      const texts: string[] = [];
      await Subscription.open(await open("subscriber"), channel, (text) => texts.push(text));
      return texts;
    },
    close: () => {
      for (const connection of connections) connection.disconnect();
    },
  };
}

export function newFollowerKey(): FollowerKey {
  const raw = randomBytes(32);
  return { publicKey: raw.toString("base64"), fingerprint: keyFingerprint(raw) };
}

export function newNonce(): string {
  return randomBytes(18).toString("base64url");
}

export interface PairOptions {
  readonly key?: FollowerKey;
  readonly secret?: string;
  readonly address?: string;
}

/** Allows the identifier and takes it through a whole pairing. Answers the trust version. */
export async function pairFollower(stores: Stores, identifier: string, options: PairOptions = {}): Promise<string> {
  const { publicKey, fingerprint } = options.key ?? newFollowerKey();
  await stores.trust.allow([identifier]);
  const waiter = { nodeId: "node-pairing", connectionId: "waiting", address: options.address ?? "192.0.2.1" };
  const opened = await stores.pairings.open(identifier, publicKey, fingerprint, waiter);
  if (!("pairingId" in opened)) throw new Error(`The pairing of ${identifier} was refused: ${opened.outcome}`);
  const notice = await stores.pairings.notice(identifier, fingerprint, opened.pairingId);
  const confirmed = await stores.pairings.confirm(
    identifier,
    fingerprint,
    notice?.code ?? "",
    stores.trust.sealSecret(identifier, options.secret ?? "a shared secret"),
  );
  if (confirmed.outcome !== "paired") throw new Error(`${identifier} was not paired: ${confirmed.outcome}`);
  return confirmed.trustVersion;
}

/** A claim with a fresh proof, by the clock of Redis. */
export async function freshClaim(
  stores: Stores,
  identifier: string,
  trustVersion: string,
  changes: Partial<Claim> = {},
): Promise<Claim> {
  return {
    identifier,
    nodeId: "node-a",
    connectionId: "connection-1",
    nonce: newNonce(),
    proofTimestamp: changes.proofTimestamp ?? Math.floor((await stores.now()) / 1000),
    trustVersion,
    address: "192.0.2.1",
    ...changes,
  };
}

/** Claims with a fresh proof. */
export async function claim(
  stores: Stores,
  identifier: string,
  trustVersion: string,
  changes: Partial<Claim> = {},
): Promise<ClaimResult> {
  return stores.sessions.claim(await freshClaim(stores, identifier, trustVersion, changes));
}

/** Claims, and answers the epoch. @throws when the claim was refused. */
export async function claimEpoch(
  stores: Stores,
  identifier: string,
  trustVersion: string,
  changes: Partial<Claim> = {},
): Promise<number> {
  const result = await claim(stores, identifier, trustVersion, changes);
  if (result.outcome !== "claimed") throw new Error(`The claim of ${identifier} was refused: ${result.outcome}`);
  return result.epoch;
}

/** Lets the follower's last heartbeat be so much older (ms), in place of waiting for so long. */
export async function ageHeartbeat(stores: Stores, identifier: string, byMs: number): Promise<void> {
  await stores.redis.hincrby(stores.keys.follower(identifier).session, "lastHeartbeatAt", -byMs);
}

/** Lets the entries of a sorted set of instants be so much older (ms). */
export async function ageEntries(stores: Stores, key: string, byMs: number): Promise<void> {
  for (const member of await stores.redis.zrange(key, "0", "-1")) await stores.redis.zincrby(key, -byMs, member);
}

/** The names of the events that the follower's audit holds, oldest first. */
export async function auditEvents(stores: Stores, identifier: string): Promise<string[]> {
  return (await stores.directory.audit(identifier, 200)).map(({ event }) => event).reverse();
}
