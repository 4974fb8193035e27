import { type NodeRecord, type RedisConnection, redisNow } from "@yonexus/protocol/redis";
import type { NodeRow, Sample } from "./liveMessages.ts";
import { NodeRates } from "./nodeRates.ts";
import { sessionsOf } from "./overviewView.ts";
import type { RedisHealth } from "./redisHealth.ts";

/** Fifteen minutes of samples, five seconds apart. */
const MAX_SAMPLES = 180;
const BEATS_PER_SAMPLE = 5;
/** How often `beat` is to be called (ms). */
export const BEAT_MS = 1_000;

export interface SamplerParts {
  readonly redis: RedisConnection;
  readonly health: RedisHealth;
  readonly nodes: () => Promise<{ readonly records: readonly NodeRecord[]; readonly rows: readonly NodeRow[] }>;
  /** Status changes that were heard of so far. */
  readonly statusChanges: () => number;
  readonly onSample: (sample: Sample) => void;
}

/** Keeps the last fifteen minutes for the charts, whether anybody looks or not. */
export class Sampler {
  readonly #parts: SamplerParts;
  readonly #samples: Sample[] = [];
  readonly #rates = new NodeRates();
  #beats = 0;
  #before: { readonly at: number; readonly statusChanges: number } | undefined;

  constructor(parts: SamplerParts) {
    this.#parts = parts;
  }

  get samples(): readonly Sample[] {
    return this.#samples;
  }

  /** One beat, and every fifth one a sample. @throws the connection's error: while Redis is away there are no samples. */
  async beat(): Promise<void> {
    await this.#parts.health.beat();
    this.#beats += 1;
    if (this.#beats % BEATS_PER_SAMPLE === 1) await this.#sample();
  }

  async #sample(): Promise<void> {
    const { redis, health, nodes, statusChanges, onSample } = this.#parts;
    const [at, { records, rows }, ofRedis] = await Promise.all([redisNow(redis), nodes(), health.sample()]);
    const changes = statusChanges();
    const before = this.#before;
    this.#before = { at, statusChanges: changes };
    const seconds = before === undefined ? 0 : (at - before.at) / 1_000;
    const rate = before === undefined || seconds <= 0 ? 0 : (changes - before.statusChanges) / seconds;
    const sample: Sample = {
      ...{ at, sessions: sessionsOf(rows), statusChanges: Math.round(rate * 100) / 100 },
      ...this.#rates.update(records),
      ...ofRedis,
    };
    this.#samples.push(sample);
    if (this.#samples.length > MAX_SAMPLES) this.#samples.shift();
    onSample(sample);
  }
}
