import { isCluster, type RedisConnection } from "./connection.ts";
import { RecordError } from "./errors.ts";
import type { Keys } from "./keys.ts";
import type { QueueRetention } from "./queueLimits.ts";
import { type BatchGroup, callByFollower, ScriptBatch } from "./scriptBatch.ts";
import { runScript, type ScriptArgument } from "./scripts.ts";

/** How far a queued message got on a node, for the session of an epoch. */
export interface Settlement {
  readonly identifier: string;
  readonly epoch: number;
  readonly nodeId: string;
  readonly messageId: string;
  /** `acked` by the follower. `sent`: its socket took it, and no ack will come. `written`: its socket took it, and one may. */
  readonly outcome: "acked" | "sent" | "written";
  /** Since the socket took it, by the node's clock. */
  readonly writtenAgoMs: number;
  /** A delivery that no settlement counted yet. */
  readonly isNewTry: boolean;
}

/**
 * `stale`: another epoch owns the session; nothing changed. `unknown`: there is no such message. `already`: it had ended
 * before, perhaps in another way; nothing changed.
 */
export type SettleOutcome = "settled" | "stale" | "unknown" | "already";

const LETTERS = { acked: "a", sent: "s", written: "w" } as const;
const OUTCOMES = new Map<string, SettleOutcome>([
  ["s", "settled"],
  ["t", "stale"],
  ["u", "unknown"],
  ["l", "already"],
]);

/** Settles messages, all of one turn of the event loop with one call. */
export class SettleBatch {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;
  readonly #retention: QueueRetention;
  readonly #batch: ScriptBatch<Settlement, SettleOutcome>;

  constructor(redis: RedisConnection, keys: Keys, retention: QueueRetention) {
    this.#redis = redis;
    this.#keys = keys;
    this.#retention = retention;
    this.#batch = new ScriptBatch({
      oneFollower: isCluster(redis),
      sizeOf: () => 0,
      run: (groups) => this.#run(groups),
    });
  }

  add(settlement: Settlement): Promise<SettleOutcome> {
    return this.#batch.add(settlement.identifier, settlement);
  }

  #run(groups: readonly BatchGroup<Settlement>[]): Promise<SettleOutcome[]>[] {
    const answered = callByFollower(
      groups,
      (all) => this.#call(all),
      (group) => this.#callAgain(group),
    );
    return answered.map(async (letters) => (await letters).map(readOutcome));
  }

  /** What the call that failed had settled ended with that call, and not before. */
  async #callAgain(group: BatchGroup<Settlement>): Promise<string[]> {
    const letters = await this.#call([group]);
    if (!letters.includes("l")) return letters;
    const { messages } = this.#keys.follower(group.identifier);
    const records = await this.#redis.hmget(messages, ...group.items.map(({ messageId }) => messageId));
    return letters.map((letter, place) => {
      const { outcome } = group.items[place] ?? {};
      const state = records[place]?.split(" ", 1)[0];
      const isDone = (outcome === "acked" && state === "acked") || (outcome === "sent" && state === "written");
      return letter === "l" && isDone ? "s" : letter;
    });
  }

  /** One letter a settlement. */
  async #call(groups: readonly BatchGroup<Settlement>[]): Promise<string[]> {
    const keys: string[] = [];
    const { settledMessages } = this.#retention;
    const args: ScriptArgument[] = [settledMessages, Math.floor(settledMessages / 10)];
    for (const { identifier, items } of groups) {
      const own = this.#keys.follower(identifier);
      keys.push(own.session, own.queue, own.queueDue, own.messages, own.settled);
      args.push(items.length);
      for (const { epoch, nodeId, messageId, outcome, writtenAgoMs, isNewTry } of items) {
        args.push(epoch, nodeId, messageId, LETTERS[outcome], Math.round(writtenAgoMs), isNewTry ? 1 : 0);
      }
    }
    const reply = await runScript(this.#redis, "settleQueued", keys, args);
    reply.outcome("settled");
    return [...reply.text(1)];
  }
}

function readOutcome(letter: string): SettleOutcome {
  const outcome = OUTCOMES.get(letter);
  if (outcome === undefined)
    throw new RecordError(`The script settleQueued answered with the unknown letter ${letter}.`);
  return outcome;
}
