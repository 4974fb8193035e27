import { nowUs } from "./monotonicClock.ts";
import { quantile } from "./statistics.ts";

export interface ArrivalSummary {
  readonly received: number;
  readonly duplicates: number;
  /** At another follower than they were sent to. */
  readonly misplaced: number;
  readonly lastUs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const MESSAGE_BYTES = 128;
export const BENCH_RULE = "bench";

/** What is sent: the whole frame has 128 bytes. @param dueUs by the machine's steady clock. */
export function messageText(sequence: number, dueUs: number): string {
  return `${BENCH_RULE}::${sequence} ${dueUs} `.padEnd(MESSAGE_BYTES, "x");
}

/** The same frame without its rule, as a handler gets it. */
export function messageContent(sequence: number, dueUs: number): string {
  return messageText(sequence, dueUs).slice(BENCH_RULE.length + 2);
}

/** Takes down what arrives and when. */
export class Arrivals {
  readonly #count: number;
  readonly #seen: Uint8Array;
  readonly #waitedMs: Float64Array;
  #received = 0;
  #duplicates = 0;
  #misplaced = 0;
  #lastUs = 0;
  #expected = Number.POSITIVE_INFINITY;
  #settle: () => void = () => undefined;

  constructor(count: number) {
    this.#count = count;
    this.#seen = new Uint8Array(count);
    this.#waitedMs = new Float64Array(count);
  }

  /** @param content what follows `bench::`. @param placedRight whether it was meant for where it arrived. */
  note(content: string, placedRight: (sequence: number) => boolean = () => true): void {
    const space = content.indexOf(" ");
    const sequence = Number(content.slice(0, space));
    if (!(sequence < this.#count)) return;
    if (!placedRight(sequence)) this.#misplaced += 1;
    if (this.#seen[sequence] === 1) {
      this.#duplicates += 1;
      return;
    }
    this.#seen[sequence] = 1;
    this.#lastUs = nowUs();
    const dueUs = Number(content.slice(space + 1, content.indexOf(" ", space + 1)));
    this.#waitedMs[this.#received++] = (this.#lastUs - dueUs) / 1000;
    if (this.#received >= this.#expected) this.#settle();
  }

  /** Waits until so many are there, or none came for so long: then the others are lost. */
  async summary(expected: number, quietMs: number): Promise<ArrivalSummary> {
    this.#expected = expected;
    if (this.#received < expected) {
      await new Promise<void>((resolve) => {
        let receivedBefore = this.#received;
        const timer = setInterval(() => {
          if (this.#received === receivedBefore) this.#settle();
          receivedBefore = this.#received;
        }, quietMs);
        this.#settle = () => {
          clearInterval(timer);
          resolve();
        };
      });
    }
    const waited = this.#waitedMs.subarray(0, this.#received);
    return {
      received: this.#received,
      duplicates: this.#duplicates,
      misplaced: this.#misplaced,
      lastUs: this.#lastUs,
      p50Ms: quantile(waited, 0.5),
      p99Ms: quantile(waited, 0.99),
    };
  }
}
