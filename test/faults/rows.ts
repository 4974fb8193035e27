import { setTimeout as pause } from "node:timers/promises";
import type { FaultCluster, FaultClusterOptions } from "./faultCluster.ts";
import type { Outage } from "./liveChecker.ts";

/** How long what lasts in a row (ms). */
export interface Times {
  /** Undisturbed, before and after the fault. */
  readonly calmMs: number;
  readonly leaseMs: number;
  readonly silenceTimeoutMs: number;
  /** Of a node that stops and goes on. */
  readonly nodeStopMs: number;
  /** Of a Redis that stops and goes on. */
  readonly redisStopMs: number;
  /** Of links that are broken without having been closed. */
  readonly brokenMs: number;
  /** Between two things that are killed. */
  readonly betweenMs: number;
  readonly drops: { readonly everyMs: number; readonly outageMs: number; readonly lastMs: number };
}

export const FULL_TIMES: Times = {
  calmMs: 2_000,
  leaseMs: 3_000,
  silenceTimeoutMs: 3_000,
  nodeStopMs: 30_000,
  redisStopMs: 60_000,
  brokenMs: 10_000,
  betweenMs: 4_000,
  drops: { everyMs: 15_000, outageMs: 2_000, lastMs: 31_000 },
};

export const QUICK_TIMES: Times = {
  calmMs: 700,
  leaseMs: 3_000,
  silenceTimeoutMs: 1_000,
  nodeStopMs: 4_000,
  redisStopMs: 4_000,
  brokenMs: 3_000,
  // A node that was killed comes back after its lease has lapsed.
  betweenMs: 3_500,
  drops: { everyMs: 4_000, outageMs: 600, lastMs: 4_500 },
};

export interface FaultRow {
  readonly what: string;
  /** `live`: at most once, judged by what its senders were told. */
  readonly delivery: "queued" | "live";
  readonly options?: Partial<FaultClusterOptions>;
  readonly paddingBytes?: number;
  /** Breaks something and heals it again. Answers what was cut, where that matters. */
  readonly run: (cluster: FaultCluster, times: Times) => Promise<readonly Outage[]>;
}

const FIVE_MINUTES_MS = 300_000;

/** Each row by its name on the command line. */
export const ROWS = {
  control: row("no fault", async (_, { betweenMs }) => {
    await pause(betweenMs);
  }),
  nodeKilled: row("kill −9 of the node that owns half of the sessions", async (cluster, { betweenMs }) => {
    const node = cluster.node(0);
    node.signal("SIGKILL");
    await node.exited;
    await pause(betweenMs);
    await cluster.startNode(0);
  }),
  senderKilled: row("kill −9 of the sender, thrice; its successor sends again", async (cluster, { betweenMs }) => {
    await cluster.programs.replaceSender();
    for (let times = 1; times < 3; times++) {
      await pause(betweenMs / 2);
      await cluster.programs.replaceSender();
    }
  }),
  handlerKilled: row(
    "kill −9 of a handler's replica in the midst of its messages, thrice",
    async (cluster, { betweenMs }) => {
      for (let times = 0; times < 3; times++) {
        await cluster.programs.replaceHandler(times % 2);
        await pause(betweenMs / 2);
      }
    },
    { options: { workMs: 60 } },
  ),
  followersKilled: row("kill −9 of half of the followers, twice", async (cluster, { betweenMs }) => {
    for (let times = 0; times < 2; times++) {
      await cluster.programs.replaceFollowers(times % cluster.programs.followerProcesses);
      await pause(betweenMs / 2);
    }
  }),
  nodeStopped: row("SIGSTOP of a node, then SIGCONT", async (cluster, { nodeStopMs }) => {
    const node = cluster.node(0);
    node.signal("SIGSTOP");
    await pause(nodeStopMs);
    node.signal("SIGCONT");
  }),
  redisRestarted: row("Redis restarted (SIGTERM)", async (cluster) => {
    await cluster.redis.restart();
  }),
  redisKilled: row("Redis killed (SIGKILL) and started", async (cluster, { calmMs }) => {
    await cluster.redis.kill();
    await pause(calmMs);
    await cluster.redis.restart();
  }),
  redisStopped: row("Redis stopped (SIGSTOP), then SIGCONT", async (cluster, { redisStopMs }) => {
    await cluster.redis.pause();
    await pause(redisStopMs);
    await cluster.redis.resume();
  }),
  pubsubKilled: row("CLIENT KILL TYPE pubsub every second", async (cluster, { betweenMs }) => {
    for (let passedMs = 0; passedMs < betweenMs * 2; passedMs += 1_000) {
      await cluster.redis.command("CLIENT", "KILL", "TYPE", "pubsub");
      await pause(1_000);
    }
  }),
  halfOpen: row(
    "half-open links between a node and all its followers",
    async (cluster, { brokenMs }) => {
      const links = cluster.proxies.flatMap((ofFollower) => ofFollower.slice(0, 1));
      for (const link of links) link.halfOpen();
      await pause(brokenMs);
      for (const link of links) link.heal();
    },
    { options: { isProxied: true } },
  ),
  stalled: row(
    "a quarter of the followers read nothing",
    async (cluster, { brokenMs }) => {
      const links = cluster.proxies.filter((_, index) => index % 4 === 0).flat();
      for (const link of links) link.stall();
      await pause(brokenMs);
      for (const link of links) link.heal();
    },
    { options: { isProxied: true, nodeSettings: { YONEXUS_MAX_SEND_BUFFER_BYTES: "65536" } }, paddingBytes: 4_000 },
  ),
  clockSkew: row(
    "clocks of the nodes 5 minutes fast and slow, and all links cut",
    async (cluster, { betweenMs }) => {
      for (const link of cluster.proxies.flat()) link.cut();
      await pause(betweenMs / 4);
      for (const link of cluster.proxies.flat()) link.heal();
      await pause(betweenMs);
    },
    { options: { isProxied: true, nodeSkewMs: [FIVE_MINUTES_MS, -FIVE_MINUTES_MS] } },
  ),
  rollingRestart: row("SIGTERM and start of each node in turn", async (cluster, { calmMs }) => {
    for (let index = 0; index < cluster.nodeCount; index++) {
      await cluster.restartNode(index, "SIGTERM");
      await pause(calmMs);
    }
  }),
  drops: {
    what: "each follower's links cut now and then",
    delivery: "queued",
    options: { isProxied: true },
    run: dropNowAndThen,
  },
  dropsLive: {
    what: "the same, live messages (at most once)",
    delivery: "live",
    options: { isProxied: true },
    run: dropNowAndThen,
  },
} as const satisfies Record<string, FaultRow>;

export type RowName = keyof typeof ROWS;

/** A row of queued messages. */
function row(
  what: string,
  run: (cluster: FaultCluster, times: Times) => Promise<void>,
  others: Pick<FaultRow, "options" | "paddingBytes"> = {},
): FaultRow {
  const breakIt: FaultRow["run"] = async (cluster, times) => {
    await run(cluster, times);
    return [];
  };
  return { what, delivery: "queued", ...others, run: breakIt };
}

/** The outages of the followers are staggered over the time from one outage to the next. */
async function dropNowAndThen(cluster: FaultCluster, { drops }: Times): Promise<readonly Outage[]> {
  const { everyMs, outageMs, lastMs } = drops;
  const outages: Outage[] = [];
  const endAt = performance.now() + lastMs;
  await Promise.all(
    cluster.followers.map(async (follower, index) => {
      const links = cluster.proxies[index] ?? [];
      await pause((index * everyMs) / cluster.followers.length);
      while (performance.now() + outageMs < endAt) {
        const from = Date.now();
        for (const link of links) link.cut();
        await pause(outageMs);
        for (const link of links) link.heal();
        outages.push({ follower, from, to: Date.now() });
        await pause(everyMs - outageMs);
      }
    }),
  );
  return outages;
}
