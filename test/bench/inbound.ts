import type { Bench } from "./bench.ts";
import type { MeasureResult } from "./measures.ts";
import { redisWork } from "./redisCounters.ts";
import { makeRow } from "./rows.ts";
import { Samples } from "./samples.ts";

const FOLLOWERS = 100;
const OFFERED_PER_SECOND = 2_000;
const QUIET_MS = 5_000;
const STREAM = "bare:inbox";

/** From a hundred followers through a node into the inbox of a rule and to its handler, beside the bare stream. */
export async function measureInbound(bench: Bench): Promise<MeasureResult> {
  const { quick } = bench.options;
  const followers = await bench.startFollowers(FOLLOWERS);
  const gateway = await bench.startGateway();
  const node = await bench.startNode();
  await gateway.call("hold");
  await gateway.call("read", { stream: STREAM });
  await followers.call("openSessions", { url: node.url, from: 0, count: FOLLOWERS, atATime: 16 });

  const arrivals = (expected: number) => gateway.call("arrivals", { expected, quietMs: QUIET_MS });
  let lost = 0;
  const flood = async (count: number, samples?: Samples): Promise<void> => {
    await gateway.call("expectMessages", { count });
    const { value, usage } = await bench.observed([node.child, gateway, followers], async () => {
      const firstUs = await followers.call("flood", { count, followers: FOLLOWERS });
      return { firstUs, arrived: await arrivals(count) };
    });
    lost += count - value.arrived.received;
    samples?.add((value.arrived.received * 1e6) / (value.arrived.lastUs - value.firstUs), usage);
  };
  const append = async (count: number, samples?: Samples): Promise<void> => {
    await gateway.call("expectMessages", { count });
    const { value, usage } = await bench.observed([gateway, followers], async () => {
      const asked = { redisUrl: bench.redis.url, stream: STREAM, count, atATime: 512 };
      return { firstUs: await followers.call("append", asked), arrived: await arrivals(count) };
    });
    samples?.add((value.arrived.received * 1e6) / (value.arrived.lastUs - value.firstUs), usage);
  };
  const p50 = { ours: new Samples(), bare: new Samples() };
  const p99 = { ours: new Samples(), bare: new Samples() };
  const paced = async (system: "ours" | "bare"): Promise<void> => {
    const count = OFFERED_PER_SECOND * (quick ? 1 : 3);
    await gateway.call("expectMessages", { count });
    const pace = { count, perSecond: OFFERED_PER_SECOND };
    if (system === "ours") await followers.call("sendPaced", { ...pace, followers: FOLLOWERS });
    else await followers.call("append", { ...pace, redisUrl: bench.redis.url, stream: STREAM, atATime: 1 });
    const arrived = await arrivals(count);
    if (system === "ours") lost += count - arrived.received;
    p50[system].add(arrived.p50Ms);
    p99[system].add(arrived.p99Ms);
  };

  const many = quick ? 4_000 : 20_000;
  const work = await redisWork(bench.redis, many / 2, () => flood(many / 2));
  await append(many / 2);
  const ours = new Samples();
  const bare = new Samples();
  await bench.rounds(
    () => flood(many, ours),
    () => append(many, bare),
  );
  await bench.rounds(
    () => paced("ours"),
    () => paced("bare"),
  );
  const note = `${lost} lost; bare is XADD, XREADGROUP of 64, one XACK for all of them`;
  return {
    rows: [
      makeRow({ measure: "From followers to a handler, at the limit", unit: "1/s", ours, bare, note }),
      makeRow({
        measure: "From followers at 2,000/s, half handled within",
        unit: "ms",
        ...p50,
        note,
      }),
      makeRow({
        measure: "From followers at 2,000/s, 99 % handled within",
        unit: "ms",
        ...p99,
        note,
      }),
    ],
    work: { "a message from a follower": work },
  };
}
