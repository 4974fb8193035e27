import type { RedisConnection } from "./connection.ts";
import type { Keys, RuleKeys } from "./keys.ts";
import type { Room } from "./laneQueue.ts";
import { runScript, type ScriptReply } from "./scripts.ts";

/** A message that a replica was given to handle. */
export interface GivenMessage {
  /** The stream's id. */
  readonly id: string;
  readonly identifier: string;
  readonly content: string;
  /** The follower's own id; empty when it gave none. */
  readonly messageId: string;
  /** Tries that failed so far. */
  readonly tries: number;
}

export type TakeResult =
  | {
      readonly outcome: "taken";
      readonly messages: readonly GivenMessage[];
      /** The stream's id up to which everything was read; undefined when there may be more. */
      readonly readUpTo: string | undefined;
    }
  /** The replica has a message that is handled alone, or makes room for one: it is given nothing before its next ack or failure. */
  | { readonly outcome: "alone" }
  /** The replica's lease is over: nothing was given. */
  | { readonly outcome: "lapsed" };

/** What became of a message whose handler failed. `gone`: it is not this replica's any more. */
export type FailResult = { readonly outcome: "again"; readonly tries: number } | { readonly outcome: "dead" | "gone" };

/** Messages that one call takes or reads at most. */
const SLICE = 256;
/** Messages of one follower that a replica is given at once: the more of them, the longer the others wait. */
const PER_LANE = 8;

/** The inbox of a rule, as the replicas of the group that holds it see it. */
export class RuleInbox {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;
  readonly #own: RuleKeys;
  readonly #rule: string;
  readonly #group: string;

  constructor(redis: RedisConnection, keys: Keys, rule: string, group: string) {
    this.#redis = redis;
    this.#keys = keys;
    this.#own = keys.rule(rule);
    this.#rule = rule;
    this.#group = group;
  }

  /** Asks for messages to handle: those of one follower in order, and of followers that no other replica is at. One that was begun by a lost replica comes alone. */
  async take(replicaId: string, room: Room): Promise<TakeResult> {
    const { replicas, inbox, lanes, waiting, ready, tries } = this.#own;
    const reply = await runScript(
      this.#redis,
      "takeInbound",
      [replicas, inbox, lanes, waiting, ready, tries],
      [this.#group, replicaId, room.lanes, Math.min(room.messages, SLICE), PER_LANE],
    );
    const outcome = reply.outcome("taken", "alone", "lapsed");
    if (outcome !== "taken") return { outcome };
    const readUpTo = reply.text(2);
    return { outcome, messages: readMessages(reply, 3), readUpTo: readUpTo === "" ? undefined : readUpTo };
  }

  /** Everything that the replica was given and did not ack, in order. */
  async held(replicaId: string): Promise<GivenMessage[]> {
    const all: GivenMessage[] = [];
    for (let after = "-"; ; ) {
      const args = [this.#group, replicaId, after, SLICE];
      const reply = await runScript(this.#redis, "heldInbound", [this.#own.inbox, this.#own.tries], args);
      reply.outcome("held");
      const page = readMessages(reply, 2);
      all.push(...page);
      const last = page.at(-1);
      if (last === undefined || page.length < SLICE) return all;
      after = last.id;
    }
  }

  /**
   * Takes handled messages out of the inbox, 256 at most. One that another replica was given meanwhile stays.
   * @returns how many lanes are free now and have messages that no replica was given.
   */
  async ack(replicaId: string, handled: readonly Pick<GivenMessage, "id" | "identifier">[]): Promise<number> {
    const { replicas, inbox, lanes, waiting, ready, tries } = this.#own;
    const reply = await runScript(
      this.#redis,
      "ackInbound",
      [replicas, inbox, lanes, waiting, ready, tries],
      [this.#group, replicaId, ...handled.flatMap(({ id, identifier }) => [id, identifier])],
    );
    reply.outcome("acked");
    return reply.number(2);
  }

  /** Notes that a try failed. @param attempt which one it was, from 1 on. @param reason shown to the operator. */
  async fail(
    replicaId: string,
    message: Pick<GivenMessage, "id" | "identifier">,
    attempt: number,
    reason: string,
    maxTries: number,
  ): Promise<FailResult> {
    const { inbox, lanes, waiting, ready, tries, deadLetters, holder } = this.#own;
    const ask = (indexed: "" | "1") =>
      runScript(
        this.#redis,
        "failInbound",
        [inbox, lanes, waiting, ready, tries, deadLetters, holder],
        [this.#group, replicaId, message.id, message.identifier, attempt, reason, maxTries, indexed],
      );
    let reply = await ask("");
    if (reply.outcome("again", "last_try", "dead", "gone") === "last_try") {
      await this.#redis.sadd(this.#keys.deadLetterPlaces, `rule ${this.#rule}`);
      reply = await ask("1");
    }
    const outcome = reply.outcome("again", "dead", "gone");
    return outcome === "again" ? { outcome, tries: reply.number(1) } : { outcome };
  }
}

/** Five values each, after their number at index 1. */
function readMessages(reply: ScriptReply, from: number): GivenMessage[] {
  return Array.from({ length: reply.number(1) }, (_, index) => {
    const at = from + index * 5;
    return {
      id: reply.text(at),
      identifier: reply.text(at + 1),
      content: reply.text(at + 2),
      messageId: reply.text(at + 3),
      tries: reply.number(at + 4),
    };
  });
}
