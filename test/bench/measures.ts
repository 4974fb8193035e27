import type { Bench } from "./bench.ts";
import { measureDurable } from "./durable.ts";
import { measureHandshakes } from "./handshakes.ts";
import { measureIdleMemory } from "./idleMemory.ts";
import { measureInbound } from "./inbound.ts";
import type { RedisWork } from "./redisCounters.ts";
import { measureRouted } from "./routed.ts";
import type { Row } from "./rows.ts";
import { measureStorm } from "./storm.ts";
import { measureSweep } from "./sweep.ts";

export interface MeasureResult {
  readonly rows: readonly Row[];
  /** What Redis did for one of something. */
  readonly work?: Readonly<Record<string, RedisWork>>;
}

/** Every measure, by the name that the command line knows. */
export const MEASURES: Readonly<Record<string, (bench: Bench) => Promise<MeasureResult>>> = {
  handshakes: measureHandshakes,
  routed: measureRouted,
  durable: measureDurable,
  inbound: measureInbound,
  idle: measureIdleMemory,
  storm: measureStorm,
  sweep: measureSweep,
};
