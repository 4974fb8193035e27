import type { ArrivalSummary } from "./arrivals.ts";
import type { Bench } from "./bench.ts";
import type { MeasureResult } from "./measures.ts";
import { redisWork } from "./redisCounters.ts";
import { makeRow } from "./rows.ts";
import { Samples } from "./samples.ts";

const FOLLOWERS = 100;
const AT_A_TIME = 4_096;
const QUIET_MS = 5_000;
const STREAM = "bare:queue";
const PACE = { atATime: AT_A_TIME };

/** Queued for a hundred followers, and acknowledged by each of them, beside a stream without any of it and JetStream. */
export async function measureDurable(bench: Bench): Promise<MeasureResult> {
  const many = bench.options.quick ? 6_000 : 30_000;
  const followers = await bench.startFollowers(FOLLOWERS);
  const [sender, reader] = await Promise.all([bench.startGateway("sender"), bench.startGateway("reader")]);
  const node = await bench.startNode();
  await followers.call("acknowledge");
  await followers.call("openSessions", { url: node.url, from: 0, count: FOLLOWERS, atATime: 16 });
  await reader.call("read", { stream: STREAM });

  const queued = async (count: number, samples?: Samples): Promise<void> => {
    await followers.call("expectMessages", { system: "yonexus", count, followers: FOLLOWERS });
    const { value, usage } = await bench.observed([sender, node.child, followers], async () => {
      const sent = await sender.call("send", { count, followers: FOLLOWERS, pace: PACE, way: { kind: "queued" } });
      return { sent, arrived: await followers.call("arrivals", { expected: count, quietMs: QUIET_MS }) };
    });
    const { sent, arrived } = value;
    if (sent.outcomes.acked !== count) throw new Error(`Unexpected results: ${JSON.stringify(sent.outcomes)}.`);
    refuseTwice("Yonexus", arrived);
    // To the last answer that the sender got.
    samples?.add((count * 1e6) / (sent.lastUs - sent.firstUs), usage);
    samples?.count(count, count - arrived.received);
  };
  const bare = async (count: number, samples?: Samples): Promise<void> => {
    await reader.call("expectMessages", { count });
    const { value, usage } = await bench.observed([sender, reader], async () => {
      const way = { kind: "stream", stream: STREAM } as const;
      const sent = await sender.call("send", { count, followers: FOLLOWERS, pace: PACE, way });
      return { sent, arrived: await reader.call("arrivals", { expected: count, quietMs: QUIET_MS }) };
    });
    const { sent, arrived } = value;
    samples?.add((arrived.received * 1e6) / (arrived.lastUs - sent.firstUs), usage);
    samples?.count(count, count - arrived.received);
  };
  const jetStream = bench.isProfiled ? undefined : await openJetStream(bench, followers);

  const work = await redisWork(bench.redis, many / 3, () => queued(many / 3));
  const [oursSamples, bareSamples, jetStreamSamples] = [new Samples(), new Samples(), new Samples()];
  if (!bench.isProfiled) await bare(many / 3);
  await jetStream?.(many / 3);
  await bench.rounds(
    () => queued(many, oursSamples),
    () => bare(many, bareSamples),
    ...(jetStream === undefined ? [] : [() => jetStream(many, jetStreamSamples)]),
  );
  return {
    rows: [
      makeRow({
        measure: "Queued and acked by the follower, 4,096 unanswered",
        unit: "1/s",
        ours: oursSamples,
        bare: bareSamples,
        peers: jetStream === undefined ? [] : [{ name: "nats-server, JetStream", samples: jetStreamSamples }],
        targets: [{ is: "at least", of: "ours", value: 10_000 }],
        note: "none twice; bare is XADD, XREADGROUP of 64, one XACK for all of them, and no follower",
      }),
    ],
    work: { "a queued message that is acked": work },
  };
}

type Followers = Awaited<ReturnType<Bench["startFollowers"]>>;
type Run = (count: number, samples?: Samples) => Promise<void>;

/** Undefined where it is not installed. */
async function openJetStream(bench: Bench, followers: Followers): Promise<Run | undefined> {
  const broker = await bench.startBroker("nats-server");
  if (broker === undefined) return undefined;
  const sender = await bench.startBrokerSender();
  await sender.call("openNats", { port: broker.port });
  const asked = { peer: "jetStream", url: broker.webSocketUrl, count: FOLLOWERS } as const;
  const { failed } = await followers.call("openPeer", asked);
  if (failed > 0) throw new Error(`${failed} of ${FOLLOWERS} followers did not get to JetStream.`);
  await sender.call("makeQueues", { followers: FOLLOWERS });
  return async (count, samples) => {
    await followers.call("expectMessages", { system: "jetStream", count, followers: FOLLOWERS });
    const { value, usage } = await bench.observed([sender, broker, followers], async () => {
      const sent = await sender.call("send", { count, followers: FOLLOWERS, pace: PACE, to: "jetStream" });
      return { sent, arrived: await followers.call("arrivals", { expected: count, quietMs: QUIET_MS }) };
    });
    const { sent, arrived } = value;
    refuseTwice("JetStream", arrived);
    samples?.add((arrived.received * 1e6) / (arrived.lastUs - sent.firstUs), usage);
    samples?.count(count, count - arrived.received);
  };
}

function refuseTwice(name: string, { duplicates, misplaced }: ArrivalSummary): void {
  if (duplicates + misplaced === 0) return;
  throw new Error(`${name}: ${duplicates} messages came twice, ${misplaced} came elsewhere.`);
}
