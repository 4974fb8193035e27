import type { Bench } from "./bench.ts";
import type { Client } from "./connectionPool.ts";
import type { MeasureResult } from "./measures.ts";
import { redisWork } from "./redisCounters.ts";
import { makeRow } from "./rows.ts";
import { Samples } from "./samples.ts";

const AT_A_TIME = 64;

/** Whole handshakes with every check, one node, beside the same frames answered by `ws` alone. */
export async function measureHandshakes(bench: Bench): Promise<MeasureResult> {
  const count = bench.options.quick ? 400 : 2_000;
  const followers = await bench.startFollowers(count);
  const node = await bench.startNode();
  const bare = await bench.startBare();
  const asked = { from: 0, count, atATime: AT_A_TIME };

  const handshakes = async (client: Client, samples?: Samples): Promise<void> => {
    await followers.call("prepare", asked);
    const { value, usage } = await bench.observed([node.child, followers], () =>
      followers.call("openSessions", { ...asked, client, url: node.url }),
    );
    if (value.failed > 0) throw new Error(`${value.failed} of ${count} handshakes failed.`);
    samples?.add(value.perSecond, usage);
    await followers.call("release", "yonexus");
    await bench.untilNoSessions(node.nodeId);
  };
  const exchanges = async (client: Client, samples?: Samples): Promise<void> => {
    await followers.call("prepare", asked);
    const { value, usage } = await bench.observed([bare.child, followers], () =>
      followers.call("openBare", { ...asked, client, url: bare.url, steps: 2 }),
    );
    if (value.failed > 0) throw new Error(`${value.failed} of ${count} bare connections failed.`);
    samples?.add(value.perSecond, usage);
    await followers.call("release", "bare");
  };

  // All warm.
  const work = await redisWork(bench.redis, count, () => followers.call("openSessions", { ...asked, url: node.url }));
  await followers.call("release", "yonexus");
  await bench.untilNoSessions(node.nodeId);
  await handshakes("whole");
  await exchanges("lean");
  await exchanges("whole");

  const whole = { ours: new Samples(), bare: new Samples() };
  const lean = { ours: new Samples(), bare: new Samples() };
  for (const [client, { ours, bare }] of [
    ["whole", whole],
    ["lean", lean],
  ] as const) {
    await bench.rounds(
      () => handshakes(client, ours),
      () => exchanges(client, bare),
    );
  }
  return {
    rows: [
      makeRow({
        measure: "Handshakes, followers with the ws client",
        unit: "1/s",
        ...whole,
        targets: [{ is: "at least", of: "bare", value: 0.7 }],
      }),
      makeRow({
        measure: "Handshakes, followers that cost next to nothing",
        unit: "1/s",
        ...lean,
      }),
    ],
    work: { "a handshake": work },
  };
}
