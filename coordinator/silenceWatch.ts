import { explainRefusal, type OutageLog, type RedisConnection } from "@yonexus/protocol/redis";
import { Repeater } from "./repeater.ts";

/** The pause between two looks (ms). */
const LOOK_EVERY_MS = 2_000;
/** So many looks in vain in a row: a single one may be this process' own, which was halted while an answer came. */
const SILENT_LOOKS = 2;

/** Looks whether Redis answers, for the log: a connection that is open and silent has no event that tells it. */
export class SilenceWatch {
  readonly #redis: RedisConnection;
  readonly #outages: Pick<OutageLog, "silent" | "answered">;
  readonly #repeater: Repeater;
  #inVain = 0;

  constructor(redis: RedisConnection, outages: Pick<OutageLog, "silent" | "answered">, lookEveryMs = LOOK_EVERY_MS) {
    this.#redis = redis;
    this.#outages = outages;
    this.#repeater = new Repeater(
      lookEveryMs,
      async () => {
        await this.#redis.ping();
        this.#answered();
      },
      (error) => this.#failed(error),
    );
  }

  start(): void {
    this.#repeater.start();
  }

  /** Resolves when no look is under way any more. */
  async stop(): Promise<void> {
    await this.#repeater.stop();
  }

  #answered(): void {
    this.#inVain = 0;
    this.#outages.answered();
  }

  #failed(error: unknown): void {
    // A refusal is an answer; of a refused password the connections tell.
    if (explainRefusal(error) !== undefined) {
      this.#answered();
      return;
    }
    this.#inVain += 1;
    if (this.#inVain >= SILENT_LOOKS) this.#outages.silent();
  }
}
