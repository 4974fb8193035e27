import type { RedisConnection } from "./connection.ts";
import type { Keys } from "./keys.ts";
import { runScript } from "./scripts.ts";

/** Discord waits 3 s for an answer: what is older, or of a time that has not come, was not sent now (ms). */
export const INTERACTION_WINDOW_MS = 5_000;
/** From the earliest instant at which a request is fresh to the last. */
const REMEMBER_MS = 2 * INTERACTION_WINDOW_MS + 5_000;

/** `stale`: by so much (ms) the time of Redis is ahead of the request's, or behind it when it is below 0. */
export type InteractionNovelty =
  | { readonly outcome: "new" | "repeated" }
  | { readonly outcome: "stale"; readonly differenceMs: number };

/** The signed requests of Discord that were heard lately, by any coordinator. */
export class InteractionStore {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;

  constructor(redis: RedisConnection, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Only for one whose signature is right. @param interactionId digits. @param timestamp when it was signed (unix s). */
  async note(interactionId: string, timestamp: number): Promise<InteractionNovelty> {
    const reply = await runScript(
      this.#redis,
      "noteInteraction",
      [this.#keys.interaction(interactionId)],
      [timestamp, INTERACTION_WINDOW_MS, REMEMBER_MS],
    );
    const outcome = reply.outcome("new", "stale", "repeated");
    return outcome === "stale" ? { outcome, differenceMs: reply.number(1) } : { outcome };
  }
}
