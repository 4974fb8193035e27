import { type Bench, compared, Samples } from "./bench.ts";
import type { MeasureResult } from "./measures.ts";
import { redisWork } from "./redisCounters.ts";
import { makeRow } from "./rows.ts";

const FOLLOWERS = 100;
const AT_A_TIME = 4_096;
const OFFERED_PER_SECOND = 10_000;
const TIMEOUT_MS = 5_000;
const BARE_CHANNEL = "bare:node";

type System = "yonexus" | "bare";

/** A sender, Redis, a node, a hundred followers: messages a second at the limit, and the times at a steady offer. */
export async function measureRouted(bench: Bench): Promise<MeasureResult> {
  const { quick } = bench.options;
  const followers = await bench.startFollowers(FOLLOWERS);
  const gateway = await bench.startGateway();
  const node = await bench.startNode();
  const bare = await bench.startBare();
  const opening = { from: 0, count: FOLLOWERS, atATime: 16 };
  await followers.call("openSessions", { ...opening, url: node.url });
  await followers.call("openBare", { ...opening, url: bare.url, steps: 1 });
  await bare.child.call("passOn", { redisUrl: bench.redis.url, channel: BARE_CHANNEL });
  const servers = { yonexus: node.child, bare: bare.child };

  let sentInAll = 0;
  let lost = 0;
  let refused = 0;
  const send = async (system: System, count: number, pace: { atATime: number } | { perSecond: number }) => {
    await followers.call("expectMessages", { system, count, followers: FOLLOWERS });
    const { value, usage } = await bench.observed([servers[system], gateway, followers], async () => {
      const bareWay = system === "bare" ? { bareChannel: BARE_CHANNEL } : {};
      const sent = await gateway.call("send", { count, followers: FOLLOWERS, ...pace, ...bareWay });
      const expected = sent.outcomes[system === "bare" ? "published" : "delivered"] ?? 0;
      return { sent, expected, arrived: await followers.call("arrivals", { expected, timeoutMs: TIMEOUT_MS }) };
    });
    const { received, duplicates, misplaced } = value.arrived;
    if (duplicates + misplaced > 0) throw new Error(`${duplicates} messages came twice, ${misplaced} came elsewhere.`);
    if (system === "yonexus") {
      const { delivered = 0, overloaded = 0 } = value.sent.outcomes;
      if (delivered + overloaded < count)
        throw new Error(`Unexpected results: ${JSON.stringify(value.sent.outcomes)}.`);
      sentInAll += count;
      lost += delivered - received;
      refused += overloaded;
    }
    return { ...value, usage };
  };

  const atLimit = { yonexus: new Samples(), bare: new Samples() };
  const runAtLimit = async (system: System, count: number, samples?: Samples): Promise<void> => {
    const { sent, arrived, usage } = await send(system, count, { atATime: AT_A_TIME });
    samples?.add((arrived.received * 1e6) / (arrived.lastUs - sent.firstUs), usage);
  };
  const p50 = { yonexus: new Samples(), bare: new Samples() };
  const p99 = { yonexus: new Samples(), bare: new Samples() };
  const runPaced = async (system: System): Promise<void> => {
    const count = OFFERED_PER_SECOND * (quick ? 1 : 4);
    const { arrived, usage } = await send(system, count, { perSecond: OFFERED_PER_SECOND });
    p50[system].add(arrived.p50Ms);
    p99[system].add(arrived.p99Ms, usage);
  };

  const many = quick ? 20_000 : 100_000;
  // Both warm.
  await runAtLimit("yonexus", many / 2);
  const work = await redisWork(bench.redis, many / 2, () => runAtLimit("yonexus", many / 2));
  await runAtLimit("bare", many / 2);
  const bareWork = await redisWork(bench.redis, many / 2, () => runAtLimit("bare", many / 2));
  await bench.rounds(
    () => runAtLimit("yonexus", many, atLimit.yonexus),
    () => runAtLimit("bare", many, atLimit.bare),
  );
  await bench.rounds(
    () => runPaced("yonexus"),
    () => runPaced("bare"),
  );
  const note = `of ${sentInAll.toLocaleString("en")} sent, ${lost} lost, ${refused} refused as overloaded`;
  return {
    rows: [
      makeRow({
        measure: "Routed messages at the limit, 4,096 unanswered",
        unit: "1/s",
        ...compared(atLimit.yonexus, atLimit.bare),
        target: { is: "at least", of: "ratio", value: 0.6 },
        note,
      }),
      makeRow({
        measure: "Routed at 10,000/s offered, half arrive within",
        unit: "ms",
        ours: p50.yonexus.values,
        bare: p50.bare.values,
        note,
      }),
      makeRow({
        measure: "Routed at 10,000/s offered, 99 % arrive within",
        unit: "ms",
        ...compared(p99.yonexus, p99.bare),
        target: { is: "at most", of: "ratio", value: 2 },
        note,
      }),
    ],
    work: { "a routed message": work, "a bare published message": bareWork },
  };
}
