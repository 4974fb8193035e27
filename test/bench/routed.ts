import type { Bench } from "./bench.ts";
import type { Child } from "./childProcess.ts";
import type { FollowersCommands } from "./followersProcess.ts";
import type { MeasureResult } from "./measures.ts";
import { redisWork } from "./redisCounters.ts";
import { openPair, openPeers, type RoutedSystem } from "./routedSystems.ts";
import { makeRow, type RowParts } from "./rows.ts";
import { Samples } from "./samples.ts";
import type { Pace } from "./sending.ts";

const FOLLOWERS = 100;
const AT_A_TIME = 4_096;
const OFFERED_PER_SECOND = 10_000;
/** A message that has not come by then is lost. */
const QUIET_MS = 2_000;
const FIRST_TRIES = 20;
const FIRST_QUIET_MS = 250;

interface Measured {
  readonly system: RoutedSystem;
  readonly atLimit: Samples;
  readonly p50: Samples;
  readonly p99: Samples;
}

/** A sender, a hundred followers of another process: messages a second at the limit, and the times at a steady offer. */
export async function measureRouted(bench: Bench): Promise<MeasureResult> {
  const { quick } = bench.options;
  const followers = await bench.startFollowers(FOLLOWERS);
  const pair = await openPair(bench, followers, FOLLOWERS);
  const peers = bench.isProfiled ? [] : await openPeers(bench, followers, FOLLOWERS);
  const measured = (system: RoutedSystem): Measured => {
    return { system, atLimit: new Samples(), p50: new Samples(), p99: new Samples() };
  };
  const [ours, bare, others] = [measured(pair.ours), measured(pair.bare), peers.map(measured)];

  let refused = 0;
  const send = async (system: RoutedSystem, count: number, pace: Pace) => {
    await followers.call("expectMessages", { system: system.system, count, followers: FOLLOWERS });
    const { value, usage } = await bench.observed(system.processes, async () => {
      const sent = await system.send({ count, followers: FOLLOWERS, pace });
      const expected = sent.outcomes[system.taken] ?? 0;
      return { sent, expected, arrived: await followers.call("arrivals", { expected, quietMs: QUIET_MS }) };
    });
    const { sent, expected, arrived } = value;
    const { duplicates, misplaced } = arrived;
    if (duplicates + misplaced > 0 && system === ours.system) {
      throw new Error(`${system.name}: ${duplicates} messages came twice, ${misplaced} came elsewhere.`);
    }
    const overloaded = sent.outcomes.overloaded ?? 0;
    if (expected + overloaded < count) {
      throw new Error(`${system.name}, unexpected results: ${JSON.stringify(sent.outcomes)}.`);
    }
    refused += overloaded;
    return { sent, arrived, usage, lost: expected - arrived.received };
  };
  const runAtLimit = async ({ system, atLimit }: Measured, count: number): Promise<void> => {
    const { sent, arrived, usage, lost } = await send(system, count, { atATime: AT_A_TIME });
    atLimit.add((arrived.received * 1e6) / (arrived.lastUs - sent.firstUs), usage);
    atLimit.count(count, lost);
  };
  const runPaced = async ({ system, p50, p99 }: Measured): Promise<void> => {
    const count = OFFERED_PER_SECOND * (quick ? 1 : 3);
    const { arrived, usage, lost } = await send(system, count, { perSecond: OFFERED_PER_SECOND });
    p50.add(arrived.p50Ms);
    p99.add(arrived.p99Ms, usage);
    p99.count(count, lost);
  };

  const many = quick ? 20_000 : 100_000;
  const warm = (system: RoutedSystem) => runAtLimit(measured(system), many / 2);
  for (const { system } of others) await untilAllHear(followers, system);
  await warm(ours.system);
  const work = await redisWork(bench.redis, many / 2, () => warm(ours.system));
  await warm(bare.system);
  const bareWork = await redisWork(bench.redis, many / 2, () => warm(bare.system));
  for (const { system } of others) await warm(system);
  const inTurn = (run: (each: Measured) => Promise<void>) =>
    bench.rounds(() => run(ours), ...[bare, ...others].map((each) => () => run(each)));
  await inTurn((each) => runAtLimit(each, many));
  await inTurn(runPaced);

  const sides = (pick: (of: Measured) => Samples): Pick<RowParts, "ours" | "bare" | "peers"> => {
    const besides = others.map((other) => ({ name: other.system.name, samples: pick(other) }));
    return { ours: pick(ours), bare: pick(bare), peers: bench.isProfiled ? [] : besides };
  };
  return {
    rows: [
      makeRow({
        measure: "Routed messages at the limit, 4,096 unanswered",
        unit: "1/s",
        ...sides(({ atLimit }) => atLimit),
        targets: [
          { is: "at least", of: "bare", value: 0.6 },
          { is: "at least", of: "Socket.IO", value: 1.3 },
        ],
        note: `${refused} refused as overloaded, here and in the next two`,
      }),
      makeRow({ measure: "Routed at 10,000/s offered, half arrive within", unit: "ms", ...sides(({ p50 }) => p50) }),
      makeRow({
        measure: "Routed at 10,000/s offered, 99 % arrive within",
        unit: "ms",
        ...sides(({ p99 }) => p99),
        targets: [{ is: "at most", of: "bare", value: 2 }],
      }),
    ],
    work: { "a routed message": work, "a bare published message": bareWork },
  };
}

/** Some subscribe, and find each other, a while after they said that they are ready. */
async function untilAllHear(followers: Child<FollowersCommands>, { system, name, send }: RoutedSystem): Promise<void> {
  for (let attempt = 0; attempt < FIRST_TRIES; attempt++) {
    const asked = { count: FOLLOWERS, followers: FOLLOWERS };
    await followers.call("expectMessages", { system, ...asked });
    await send({ ...asked, pace: { atATime: FOLLOWERS } });
    const { received } = await followers.call("arrivals", { expected: FOLLOWERS, quietMs: FIRST_QUIET_MS });
    if (received === FOLLOWERS) return;
  }
  throw new Error(`${name}: not all followers hear what is sent to them.`);
}
