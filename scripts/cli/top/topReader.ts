import {
  FollowerDirectory,
  type Keys,
  type NodeRecord,
  NodeStore,
  parseStatusChange,
  type RedisConnection,
  redisNow,
} from "@yonexus/protocol/redis";
import type { JobCount } from "../jobCounts.ts";
import { FollowerProbe } from "./followerProbe.ts";
import { RecentChanges } from "./recentChanges.ts";
import { StatusCensus } from "./statusCensus.ts";
import type { TopFollower, TopNode, TopRule, TopSnapshot } from "./topSnapshot.ts";
import type { TopSort, TopView } from "./topView.ts";

/** Nodes that lapsed and are named: a sweep ends their sessions within seconds. */
const MAX_GONE = 20;
/** Followers that one look counts. */
const CENSUS_PAGE = 200;

export interface TopReaderOptions {
  readonly redis: RedisConnection;
  readonly keys: Keys;
  /** How long the lease of a node lasts (ms). */
  readonly leaseMs: number;
  readonly unstableAfterMs: number;
}

/** What a look is for: how many rows of each table. */
export interface TopLimits {
  readonly rules: number;
  readonly followers: number;
}

/** Looks at the cluster. Each look costs as much as there are nodes, and rows to show: never as there are followers. */
export class TopReader {
  /** Followers that one call of `count` counts. */
  static readonly countedAtOnce = CENSUS_PAGE;
  readonly #redis: RedisConnection;
  readonly #keys: Keys;
  readonly #leaseMs: number;
  readonly #probe: FollowerProbe;
  readonly #census = new StatusCensus();
  readonly #recent = new RecentChanges();

  constructor({ redis, keys, leaseMs, unstableAfterMs }: TopReaderOptions) {
    this.#redis = redis;
    this.#keys = keys;
    this.#leaseMs = leaseMs;
    this.#probe = new FollowerProbe(redis, keys, unstableAfterMs);
  }

  /** Whether all followers were counted. */
  get isCountComplete(): boolean {
    return this.#census.isComplete;
  }

  /** A text of the events' channel. */
  hear(text: string): void {
    const change = parseStatusChange(text);
    if (change === undefined) return;
    this.#census.change(change.identifier, change.previous, change.status);
    this.#recent.note(change.identifier, change.at);
  }

  /** Counts the next page of followers. */
  async count(): Promise<void> {
    const nodes = await new NodeStore(this.#redis, this.#keys).list();
    const { followers, until } = await this.#probe.read(
      this.#census.cursor,
      CENSUS_PAGE,
      new Set(nodes.map(({ nodeId }) => nodeId)),
    );
    this.#census.addPage(followers, until);
    for (const { identifier, changedAt } of followers) {
      if (changedAt !== undefined) this.#recent.note(identifier, changedAt);
    }
  }

  /** @param jobs what was last read of them: BullMQ is asked by whoever has it loaded. */
  async look(view: TopView, limits: TopLimits, jobs?: readonly JobCount[]): Promise<TopSnapshot> {
    const { counts, isComplete } = this.#census;
    const now = await redisNow(this.#redis);
    const [nodes, coordinators, known, pairings, deadLetterPlaces, rules, page] = await Promise.all([
      this.#nodes(now, view.sort.nodes),
      this.#redis.zcount(this.#keys.coordinators, `(${now}`, "+inf"),
      this.#redis.zcard(this.#keys.followers),
      this.#redis.zcount(this.#keys.pendingPairings, `(${now}`, "+inf"),
      this.#redis.scard(this.#keys.deadLetterPlaces),
      this.#rules(view.offset.rules, limits.rules, now),
      this.#page(view, limits.followers),
    ]);
    return {
      at: now,
      view: { sort: view.sort, offset: view.offset },
      nodes,
      coordinators,
      followers: { known, ...counts, complete: isComplete },
      pairings,
      deadLetterPlaces,
      ...(jobs === undefined ? {} : { jobs }),
      rules,
      page: { ...page, rows: page.rows ?? known },
    };
  }

  async #nodes(now: number, sort: TopSort<"nodes">): Promise<TopNode[]> {
    const store = new NodeStore(this.#redis, this.#keys);
    const [live, gone] = await Promise.all([store.list(), store.lapsed(MAX_GONE)]);
    const sessions = live.reduce((sum, node) => sum + node.sessions, 0);
    const rows = live.map((node) => this.#node(node, now, sessions)).sort(NODE_ORDERS[sort]);
    return [
      ...gone.map((nodeId) => ({ nodeId, name: nodeId, url: "", sessions: 0, state: "gone" as const, share: 0 })),
      ...rows,
    ];
  }

  #node(node: NodeRecord, now: number, allSessions: number): TopNode {
    const leaseAgeMs = Math.max(0, now - node.renewedAt);
    // It renews every third of its lease.
    const state = node.draining ? "draining" : leaseAgeMs > (this.#leaseMs * 2) / 3 ? "late" : "ok";
    const { nodeId, name, url, sessions } = node;
    return { nodeId, name, url, sessions, state, leaseAgeMs, share: allSessions === 0 ? 0 : sessions / allSessions };
  }

  async #rules(offset: number, limit: number, now: number): Promise<TopSnapshot["rules"]> {
    const [known, names] = await Promise.all([
      this.#redis.zcard(this.#keys.rules),
      limit === 0 ? [] : this.#redis.zrange(this.#keys.rules, String(offset), String(offset + limit - 1)),
    ]);
    return { known, shown: await Promise.all(names.map((rule) => this.#rule(rule, now))) };
  }

  async #rule(rule: string, now: number): Promise<TopRule> {
    const own = this.#keys.rule(rule);
    const [group, replicas, backlog, deadLetters] = await Promise.all([
      this.#redis.hget(own.holder, "group"),
      this.#redis.zcount(own.replicas, `(${now}`, "+inf"),
      this.#redis.xlen(own.inbox),
      this.#redis.xlen(own.deadLetters),
    ]);
    return { rule, group: group ?? "", replicas, backlog, deadLetters };
  }

  /** Without `rows` the table has a row for each follower that is known. */
  async #page(view: TopView, limit: number): Promise<{ rows?: number; shown: TopFollower[] }> {
    if (limit === 0) return { shown: [] };
    const from = view.offset.followers;
    const recent = this.#recent.list();
    const changedAt = new Map(recent.map(({ identifier, at }) => [identifier, at]));
    // Where nobody ever connected there is nothing to sort by.
    const byChange = view.sort.followers === "changed" && recent.length > 0;
    const identifiers = byChange
      ? recent.slice(from, from + limit).map(({ identifier }) => identifier)
      : await this.#redis.zrange(this.#keys.followers, String(from), String(from + limit - 1));
    const directory = new FollowerDirectory(this.#redis, this.#keys);
    const found = await Promise.all(identifiers.map((identifier) => directory.find(identifier)));
    const shown = found
      .filter((follower) => follower !== undefined)
      .map((follower) => {
        const at = changedAt.get(follower.identifier);
        return { ...follower, ...(at === undefined ? {} : { changedAt: at }) };
      });
    return { ...(byChange ? { rows: recent.length } : {}), shown };
  }
}

const NODE_ORDERS: Readonly<Record<TopSort<"nodes">, (one: TopNode, other: TopNode) => number>> = {
  sessions: (one, other) => other.sessions - one.sessions || byName(one, other),
  name: byName,
  lease: (one, other) => (other.leaseAgeMs ?? 0) - (one.leaseAgeMs ?? 0) || byName(one, other),
};

function byName(one: TopNode, other: TopNode): number {
  return one.nodeId < other.nodeId ? -1 : 1;
}
