import type { RedisServer } from "../support/redisServer.ts";

interface CommandUse {
  readonly calls: number;
  /** The time that Redis spent in them; of a script, with the commands inside it. */
  readonly us: number;
}

/** What Redis did for one thing, on average. */
export interface RedisWork {
  /** Commands that ran, by name, those inside scripts included. */
  readonly commands: Readonly<Record<string, CommandUse>>;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

interface Counters {
  readonly commands: ReadonlyMap<string, CommandUse>;
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
  const each = (value: number, valueBefore = 0) => Math.round(((value - valueBefore) / count) * 100) / 100;
  const commands = [...after.commands]
    .map(([name, { calls, us }]) => {
      const old = before.commands.get(name);
      return [name, { calls: each(calls, old?.calls), us: each(us, old?.us) }] as const;
    })
    .filter(([name, { calls }]) => calls >= BACKGROUND && name !== "info")
    .sort(([, left], [, right]) => right.calls - left.calls);
  return {
    commands: Object.fromEntries(commands),
    bytesIn: Math.round((after.bytesIn - before.bytesIn) / count),
    bytesOut: Math.round((after.bytesOut - before.bytesOut) / count),
  };
}

/** Where Redis' time went since it was started: one line a command. */
export async function hottestCommands(redis: RedisServer, count: number): Promise<string[]> {
  const { commands } = await read(redis);
  return [...commands]
    .sort(([, left], [, right]) => right.us - left.us)
    .slice(0, count)
    .map(([name, { calls, us }]) => {
      return `${Math.round(us / 1000).toLocaleString("en")} ms  ${name}, ${calls.toLocaleString("en")} calls of ${(us / calls).toFixed(1)} µs`;
    });
}

async function read(redis: RedisServer): Promise<Counters> {
  const commands = String(await redis.command("INFO", "commandstats"));
  const stats = String(await redis.command("INFO", "stats"));
  const number = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, "mu").exec(stats)?.[1] ?? 0);
  const uses = [...commands.matchAll(/^cmdstat_(\S+):calls=(\d+),usec=(\d+)/gmu)].map(
    ([, name = "", calls, us]) => [name, { calls: Number(calls), us: Number(us) }] as const,
  );
  return {
    commands: new Map(uses),
    bytesIn: number("total_net_input_bytes"),
    bytesOut: number("total_net_output_bytes"),
  };
}
