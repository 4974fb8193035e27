import {
  isCluster,
  type Keys,
  type NodeRecord,
  type NodeStore,
  type RedisConnection,
  type RuleStore,
  redisNow,
} from "@yonexus/protocol/redis";
import type { CoordinatorRow, NodeRow, OverviewFacts, RuleRow } from "./liveMessages.ts";
import type { NodeStates } from "./nodeStates.ts";
import type { RedisHealth } from "./redisHealth.ts";
import type { ViewState } from "./viewState.ts";

/** Counts of the queue of notices, as BullMQ keeps them. */
export interface NoticeCounts {
  getJobCounts(...states: ("waiting" | "delayed" | "active" | "failed")[]): Promise<Record<string, number>>;
}

export interface OverviewParts {
  readonly redis: RedisConnection;
  readonly keys: Keys;
  readonly nodes: NodeStore;
  readonly rules: RuleStore;
  readonly notices: NoticeCounts;
  readonly states: NodeStates;
  readonly health: RedisHealth;
}

/** What is read of the nodes is good for so long (ms): the charts and all pages share it. */
const FRESH_MS = 400;
/** Rules are read, and Redis' counts of jobs, no more often than this (ms). */
const SLOW_EVERY_MS = 5_000;
const MAX_RULES = 100;

/** The nodes as they tell of themselves, and as they are shown. */
interface NodesNow {
  readonly records: readonly NodeRecord[];
  readonly rows: readonly NodeRow[];
}

interface Slow {
  readonly rules: readonly RuleRow[];
  readonly ruleCount: number;
  readonly noticesWaiting: number;
  readonly noticesFailed: number;
}

/** The whole cluster at a glance. It costs as much as there are nodes, coordinators and rules, however many followers there are. */
export class OverviewView {
  readonly #parts: OverviewParts;
  #nodes: { readonly at: number; readonly read: Promise<NodesNow> } | undefined;
  #slow: { readonly at: number; readonly read: Promise<Slow> } | undefined;

  constructor(parts: OverviewParts) {
    this.#parts = parts;
  }

  async read(): Promise<ViewState> {
    const { redis, keys, health } = this.#parts;
    const [{ rows: nodes }, slow, coordinators, followers, queues, deadLetterPlaces] = await Promise.all([
      this.nodes(),
      this.#slowly(),
      this.#coordinators(),
      redis.zcard(keys.followers),
      redis.zcard(keys.queues),
      redis.scard(keys.deadLetterPlaces),
    ]);
    const facts: OverviewFacts = {
      ...{ followers, queues, deadLetterPlaces, sessions: sessionsOf(nodes), rules: slow.ruleCount },
      ...{ noticesWaiting: slow.noticesWaiting, noticesFailed: slow.noticesFailed },
      ...{ redisMs: health.latestMs, redisMemory: health.memory, redisMaxMemory: health.maxMemory },
      redisVersion: health.version,
    };
    return { facts, lists: { nodes, coordinators, rules: slow.rules } };
  }

  /** The nodes, and how each is. */
  async nodes(): Promise<NodesNow> {
    const now = performance.now();
    if (this.#nodes === undefined || now - this.#nodes.at > FRESH_MS)
      this.#nodes = { at: now, read: this.#readNodes() };
    return this.#nodes.read;
  }

  async #readNodes(): Promise<NodesNow> {
    const { redis, keys, nodes, states } = this.#parts;
    const [records, ids, now] = await Promise.all([nodes.list(), redis.zrange(keys.nodes, "0", "-1"), redisNow(redis)]);
    const rows = states.update({ now, records, listed: new Set(ids), listeners: await this.#listeners(ids) });
    return { records, rows };
  }

  /** Who hears the nodes' channels. A Redis Cluster knows of each server's own listeners only. */
  async #listeners(ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const { redis, keys } = this.#parts;
    if (isCluster(redis) || ids.length === 0) return new Map();
    const counts = await redis.pubsub("NUMSUB", ...ids.map((id) => keys.nodeChannel(id)));
    return new Map(ids.map((id, index) => [id, Number(counts[index * 2 + 1])]));
  }

  async #coordinators(): Promise<CoordinatorRow[]> {
    const { redis, keys } = this.#parts;
    const [members, now] = await Promise.all([
      redis.zrange(keys.coordinators, "0", "-1", "WITHSCORES"),
      redisNow(redis),
    ]);
    const rows: CoordinatorRow[] = [];
    for (let index = 0; index + 1 < members.length; index += 2) {
      const leaseUntil = Number(members[index + 1]);
      rows.push({ id: members[index] ?? "", leaseUntil, live: leaseUntil > now });
    }
    return rows.sort((one, other) => Number(other.live) - Number(one.live) || one.id.localeCompare(other.id));
  }

  async #slowly(): Promise<Slow> {
    const now = performance.now();
    if (this.#slow === undefined || now - this.#slow.at > SLOW_EVERY_MS) {
      const read = this.#readSlowly();
      this.#slow = { at: now, read };
      // What failed is read anew with the next look.
      read.catch(() => {
        this.#slow = undefined;
      });
    }
    return this.#slow.read;
  }

  async #readSlowly(): Promise<Slow> {
    const [rules, notices] = await Promise.all([
      this.#parts.rules.list(),
      this.#parts.notices.getJobCounts("waiting", "delayed", "active", "failed"),
    ]);
    const rows = rules.map(
      ({ rule, group, replicas, backlog, deadLetters }): RuleRow => ({
        ...{ id: rule, group, replicas: replicas.length, backlog, deadLetters },
      }),
    );
    // Those that need somebody first.
    rows.sort((one, other) => urgency(other) - urgency(one) || one.id.localeCompare(other.id));
    const { waiting = 0, delayed = 0, active = 0, failed = 0 } = notices;
    return {
      rules: rows.slice(0, MAX_RULES),
      ruleCount: rows.length,
      noticesWaiting: waiting + delayed + active,
      noticesFailed: failed,
    };
  }
}

export function sessionsOf(nodes: readonly NodeRow[]): number {
  return nodes.reduce((sum, { state, sessions }) => sum + (state === "lost" ? 0 : sessions), 0);
}

function urgency({ backlog, deadLetters }: RuleRow): number {
  return backlog + deadLetters;
}
