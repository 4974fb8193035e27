import type { Validity } from "../tls/index.ts";
import { redisNow } from "./clock.ts";
import type { RedisConnection } from "./connection.ts";
import type { Keys } from "./keys.ts";
import { runScript } from "./scripts.ts";

/** What a node did since it started: sums, of which rates are made. */
export interface NodeWork {
  /** Messages of followers that were stored for their handlers. */
  readonly received: number;
  /** Messages that followers got. */
  readonly sent: number;
  /** Acks of queued messages, and the times from the socket until each, together (ms). */
  readonly acks: number;
  readonly ackMs: number;
  /** How long what was published last to its own channel took to come (ms). */
  readonly routeMs: number;
}

/** What a node says of itself with each renewal. */
export interface NodeReport {
  readonly name: string;
  /** Where followers reach it, as it knows: `ws://…`. */
  readonly url: string;
  readonly pid: number;
  readonly version: string;
  /** Unix ms by its own clock: for people. */
  readonly startedAt: number;
  readonly sessions: number;
  readonly draining: boolean;
  /** `Keyring.keyIds`. One of before they were told has none. */
  readonly keyIds?: readonly string[];
  /** When the certificate is good that followers see. One without TLS has none. */
  readonly certificate?: Validity | undefined;
  /** One of before it was told has none. */
  readonly work?: NodeWork;
  /** The lease's length (ms): the node is dead when it did not renew for so long. */
  readonly leaseMs: number;
}

export interface NodeRecord extends Omit<NodeReport, "leaseMs"> {
  readonly nodeId: string;
  /** Redis time (ms). */
  readonly renewedAt: number;
}

/** Nodes and their leases. A node is an incarnation: its id is never used again. */
export class NodeStore {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;

  constructor(redis: RedisConnection, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Takes or renews the lease. Returns Redis time (ms). */
  async renew(nodeId: string, report: NodeReport): Promise<number> {
    const { leaseMs, certificate, work, ...fields } = report;
    const values = Object.entries(fields).flatMap(([field, value]) => [field, String(value)]);
    if (certificate !== undefined) values.push("certificate", `${certificate.from} ${certificate.until}`);
    if (work !== undefined)
      values.push("work", [work.received, work.sent, work.acks, work.ackMs, work.routeMs].join(" "));
    const reply = await runScript(this.#redis, "renewNode", [this.#keys.node(nodeId)], [leaseMs, ...values]);
    const now = reply.number(1);
    await this.#redis.zadd(this.#keys.nodes, now + leaseMs, nodeId);
    return now;
  }

  /** Gives the lease back: the node is gone at once, and nothing is left to sweep. */
  async release(nodeId: string): Promise<void> {
    // Together: while Redis is away a stop waits for one timeout, not for three.
    await Promise.all([
      this.#redis.del(this.#keys.node(nodeId)),
      this.#redis.del(this.#keys.nodeSessions(nodeId)),
      this.#redis.zrem(this.#keys.nodes, nodeId),
    ]);
  }

  async isAlive(nodeId: string): Promise<boolean> {
    return (await this.#redis.exists(this.#keys.node(nodeId))) === 1;
  }

  /** The nodes that hold a lease. */
  async list(): Promise<NodeRecord[]> {
    const ids = await this.#redis.zrange(this.#keys.nodes, "0", "-1");
    const records = await Promise.all(
      ids.map(async (nodeId): Promise<NodeRecord | undefined> => {
        const fields = await this.#redis.hgetall(this.#keys.node(nodeId));
        if (fields.renewedAt === undefined) return undefined;
        return {
          nodeId,
          name: fields.name ?? "",
          url: fields.url ?? "",
          pid: Number(fields.pid ?? 0),
          version: fields.version ?? "",
          startedAt: Number(fields.startedAt ?? 0),
          sessions: Number(fields.sessions ?? 0),
          draining: fields.draining === "true",
          renewedAt: Number(fields.renewedAt),
          ...(fields.keyIds === undefined ? {} : { keyIds: fields.keyIds.split(",") }),
          ...(fields.work === undefined ? {} : { work: readWork(fields.work) }),
          ...(fields.certificate === undefined ? {} : { certificate: readValidity(fields.certificate) }),
        };
      }),
    );
    return records.filter((record) => record !== undefined);
  }

  /** Nodes whose lease lapsed and whose sessions nobody has cleaned yet. */
  async lapsed(limit: number): Promise<string[]> {
    const now = await redisNow(this.#redis);
    const candidates = await this.#redis.zrange(this.#keys.nodes, "-inf", String(now), "BYSCORE", "LIMIT", 0, limit);
    const alive = await Promise.all(candidates.map(async (nodeId) => this.isAlive(nodeId)));
    return candidates.filter((_, index) => alive[index] === false);
  }

  async addSession(nodeId: string, identifier: string): Promise<void> {
    await this.#redis.sadd(this.#keys.nodeSessions(nodeId), identifier);
  }

  async removeSession(nodeId: string, identifier: string): Promise<void> {
    await this.#redis.srem(this.#keys.nodeSessions(nodeId), identifier);
  }

  /** Up to `limit` identifiers whose session the node had claimed, in no order. */
  async someSessions(nodeId: string, limit: number): Promise<string[]> {
    const members = await this.#redis.srandmember(this.#keys.nodeSessions(nodeId), limit);
    return members ?? [];
  }

  /** Takes cleaned sessions out of a dead node's index. */
  async forgetSessions(nodeId: string, identifiers: readonly string[]): Promise<void> {
    if (identifiers.length > 0) await this.#redis.srem(this.#keys.nodeSessions(nodeId), ...identifiers);
  }
}

function readValidity(text: string): Validity {
  const [from = 0, until = 0] = text.split(" ").map(Number);
  return { from, until };
}

function readWork(text: string): NodeWork {
  const [received = 0, sent = 0, acks = 0, ackMs = 0, routeMs = 0] = text.split(" ").map(Number);
  return { received, sent, acks, ackMs, routeMs };
}
