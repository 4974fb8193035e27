import type { RedisServer } from "../support/redisServer.ts";

/** What Redis did for one thing, on average. */
export interface RedisWork {
  /** Commands that ran, by name, those inside scripts included. */
  readonly commands: Readonly<Record<string, number>>;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

interface Counters {
  readonly calls: ReadonlyMap<string, number>;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** Rarer than this it is the background: canaries, leases. */
const BACKGROUND = 0.01;

/** What Redis does while something runs that happens `count` times. */
export async function redisWork(redis: RedisServer, count: number, run: () => Promise<unknown>): Promise<RedisWork> {
  const before = await read(redis);
  await run();
  const after = await read(redis);
  const perOne = (name: string, calls: number) => (calls - (before.calls.get(name) ?? 0)) / count;
  const commands = [...after.calls]
    .map(([name, calls]) => [name, perOne(name, calls)] as const)
    .filter(([name, calls]) => calls >= BACKGROUND && name !== "info")
    .sort(([, left], [, right]) => right - left)
    .map(([name, calls]) => [name, Math.round(calls * 100) / 100] as const);
  return {
    commands: Object.fromEntries(commands),
    bytesIn: Math.round((after.bytesIn - before.bytesIn) / count),
    bytesOut: Math.round((after.bytesOut - before.bytesOut) / count),
  };
}

async function read(redis: RedisServer): Promise<Counters> {
  const commands = String(await redis.command("INFO", "commandstats"));
  const stats = String(await redis.command("INFO", "stats"));
  const number = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, "mu").exec(stats)?.[1] ?? 0);
  const calls = [...commands.matchAll(/^cmdstat_(\S+):calls=(\d+)/gmu)].map(
    ([, name = "", count]) => [name, Number(count)] as const,
  );
  return {
    calls: new Map(calls),
    bytesIn: number("total_net_input_bytes"),
    bytesOut: number("total_net_output_bytes"),
  };
}
