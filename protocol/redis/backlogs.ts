import { redisNow } from "./clock.ts";
import type { RedisConnection } from "./connection.ts";
import type { Keys } from "./keys.ts";
import { runScript } from "./scripts.ts";

/** What waits in the cluster. Ages in ms. Where there are more places than are looked at, counts are the sample's, scaled up. */
export interface Backlog {
  /** Messages in the queues of followers, and how long the oldest that was seen has waited. */
  readonly queued: number;
  readonly oldestQueuedMs: number;
  /** Messages in the inboxes of rules. */
  readonly inboxed: number;
  readonly oldestInboxedMs: number;
  readonly rules: { readonly held: number; readonly free: number };
  readonly deadLetters: { readonly followers: number; readonly rules: number };
  /** How long the follower, or queue, that is due longest has been due: what a sweep is late. */
  readonly livenessOverdueMs: number;
  readonly queuesOverdueMs: number;
  readonly pendingPairings: number;
  readonly followers: number;
}

/** Places that one look takes of each kind. */
const SAMPLE = 100;
/** How a place of dead letters begins that is a follower's. */
const FOLLOWER = "follower ";

/** Looks at what waits: at a bounded number of places that the indexes name, however many there are. */
export class Backlogs {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;

  constructor(redis: RedisConnection, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** @throws the connection's error when Redis does not answer. */
  async look(): Promise<Backlog> {
    const now = await redisNow(this.#redis);
    const [
      queues,
      { deadLettersOfRules, ...inboxes },
      deadLettersOfFollowers,
      livenessOverdueMs,
      queuesOverdueMs,
      pendingPairings,
      followers,
    ] = await Promise.all([
      this.#queues(),
      this.#inboxes(),
      this.#deadLettersOfFollowers(),
      this.#overdue(this.#keys.liveness, now),
      this.#overdue(this.#keys.queues, now),
      this.#redis.zcount(this.#keys.pendingPairings, now, "+inf"),
      this.#redis.zcard(this.#keys.followers),
    ]);
    const deadLetters = { followers: deadLettersOfFollowers, rules: deadLettersOfRules };
    return { ...queues, ...inboxes, deadLetters, livenessOverdueMs, queuesOverdueMs, pendingPairings, followers };
  }

  async #queues(): Promise<Pick<Backlog, "queued" | "oldestQueuedMs">> {
    const [all, first, some] = await Promise.all([
      this.#redis.zcard(this.#keys.queues),
      // What is to be looked at first expires first: of queues with one time to live it is the oldest.
      this.#redis.zrange(this.#keys.queues, "0", String(SAMPLE / 2)),
      this.#redis.zrandmember(this.#keys.queues, SAMPLE),
    ]);
    const random = new Set(textsOf(some));
    const looks = await Promise.all([...new Set([...random, ...first])].map(async (each) => this.#queue(each)));
    return {
      queued: scaled(
        looks.filter(({ identifier }) => random.has(identifier)).map(({ count }) => count),
        all,
      ),
      oldestQueuedMs: Math.max(0, ...looks.map(({ ageMs }) => ageMs)),
    };
  }

  async #queue(identifier: string): Promise<{ identifier: string; count: number; ageMs: number }> {
    const own = this.#keys.follower(identifier);
    const reply = await runScript(this.#redis, "lookAtQueue", [own.queue, own.messages], []);
    reply.outcome("seen");
    const queuedAt = reply.number(2);
    return { identifier, count: reply.number(1), ageMs: queuedAt === 0 ? 0 : reply.number(3) - queuedAt };
  }

  async #inboxes(): Promise<
    Pick<Backlog, "inboxed" | "oldestInboxedMs" | "rules"> & { readonly deadLettersOfRules: number }
  > {
    const [all, some] = await Promise.all([
      this.#redis.zcard(this.#keys.rules),
      this.#redis.zrandmember(this.#keys.rules, SAMPLE),
    ]);
    const looks = await Promise.all(textsOf(some).map(async (rule) => this.#inbox(rule)));
    const held = scaled(
      looks.map(({ isHeld }) => Number(isHeld)),
      all,
    );
    return {
      inboxed: scaled(
        looks.map(({ count }) => count),
        all,
      ),
      oldestInboxedMs: Math.max(0, ...looks.map(({ ageMs }) => ageMs)),
      rules: { held, free: all - held },
      // Looked at with the rules and not by the places of dead letters, where followers may be many: exact up to as many rules.
      deadLettersOfRules: scaled(
        looks.map(({ deadLetters }) => deadLetters),
        all,
      ),
    };
  }

  async #inbox(rule: string): Promise<{ isHeld: boolean; count: number; ageMs: number; deadLetters: number }> {
    const own = this.#keys.rule(rule);
    const [reply, deadLetters] = await Promise.all([
      runScript(this.#redis, "lookAtInbox", [own.replicas, own.inbox], []),
      this.#redis.xlen(own.deadLetters),
    ]);
    reply.outcome("seen");
    const oldestAt = reply.number(2);
    const ageMs = oldestAt === 0 ? 0 : Math.max(0, reply.number(4) - oldestAt);
    return { isHeld: reply.number(3) > 0, count: reply.number(1), ageMs, deadLetters };
  }

  async #deadLettersOfFollowers(): Promise<number> {
    const [all, members] = await Promise.all([
      this.#redis.scard(this.#keys.deadLetterPlaces),
      this.#redis.srandmember(this.#keys.deadLetterPlaces, SAMPLE),
    ]);
    const counts = textsOf(members).map(async (place) =>
      // Of rules nothing is counted here, and they are of the sample all the same.
      place.startsWith(FOLLOWER) ? this.#redis.xlen(this.#keys.follower(place.slice(FOLLOWER.length)).deadLetters) : 0,
    );
    return scaled(await Promise.all(counts), all);
  }

  async #overdue(index: string, now: number): Promise<number> {
    const [, dueAt] = await this.#redis.zrange(index, "0", "0", "WITHSCORES");
    return dueAt === undefined ? 0 : Math.max(0, now - Number(dueAt));
  }
}

function textsOf(members: string | string[] | null): string[] {
  if (members === null) return [];
  return typeof members === "string" ? [members] : members;
}

/** The sum of a sample, for all. */
function scaled(counts: readonly number[], all: number): number {
  const sum = counts.reduce((before, count) => before + count, 0);
  return counts.length === 0 || counts.length >= all ? sum : Math.round((sum * all) / counts.length);
}
