import type { RedisConnection } from "./connection.ts";
import type { Keys } from "./keys.ts";
import { runScript } from "./scripts.ts";

/** Over this many failed proofs in the window, the answer is `rate_limited`. */
export const MAX_FAILED_PROOFS = 10;
const WINDOW_MS = 60_000;

/**
 * Failed proofs, counted for each identifier and source address. They never touch the trust: anybody who knows an
 * identifier could lock its owner out.
 */
export class AttemptStore {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;

  constructor(redis: RedisConnection, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Counts a failed proof. True when there were too many from this address. */
  async countFailure(identifier: string, address: string): Promise<boolean> {
    const reply = await runScript(
      this.#redis,
      "countFailedProof",
      [this.#keys.attempts(identifier, address)],
      [WINDOW_MS],
    );
    return reply.number(1) > MAX_FAILED_PROOFS;
  }
}
