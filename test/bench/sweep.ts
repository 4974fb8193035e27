import { LivenessSweep } from "../../coordinator/sweeps/livenessSweep.ts";
import { OwnerNodes } from "../../coordinator/sweeps/ownerNodes.ts";
import { ageHeartbeat, claimEpoch, openStores, pairFollower, type Stores } from "../support/stores.ts";
import type { Bench } from "./bench.ts";
import type { MeasureResult } from "./measures.ts";
import { inLanes } from "./pace.ts";
import { makeRow, type Row } from "./rows.ts";
import { Samples } from "./samples.ts";
import { median } from "./statistics.ts";

const DAY_MS = 86_400_000;
const DUE = 1_000;
const SWEEPS_A_ROUND = 50;
const FILLED_AT_ONCE = 500;
const FILLING_LANES = 8;
const THRESHOLDS = { unstableAfterMs: 420_000, offlineAfterMs: 660_000 };
const NODE_ID = "node-bench";

/** A sweep of the liveness index with nothing due, beside two empty round trips; and with a thousand due. */
export async function measureSweep(bench: Bench): Promise<MeasureResult> {
  const stores = await openStores(bench.redis.url, { keys: bench.keys });
  try {
    const { redis, liveness, sessions, nodes, keys } = stores;
    const options = { thresholds: THRESHOLDS, leaseMs: 15_000, batch: 256, budgetMs: 60_000 };
    const sweep = new LivenessSweep(redis, liveness, sessions, new OwnerNodes(redis, keys, sessions, nodes), options);
    const { signal } = new AbortController();
    const rows: Row[] = [];
    const sizes = bench.options.quick ? [10_000] : [100_000, 1_000_000];
    let filled = 0;
    for (const size of sizes) {
      await fill(stores, filled, size);
      filled = size;
      rows.push(await nothingDue(bench, stores, () => sweep.run(signal), size));
    }

    await nodes.renew(NODE_ID, {
      name: "bench",
      url: "ws://127.0.0.1:1",
      pid: process.pid,
      version: "0",
      startedAt: Date.now(),
      sessions: DUE,
      draining: false,
      leaseMs: 600_000,
    });
    const epochs = await claimDue(stores);
    const someDue = new Samples();
    for (let round = 0; round < bench.options.rounds; round++) {
      await makeDue(stores, epochs);
      const began = performance.now();
      const { unstable } = await sweep.run(signal);
      someDue.add(performance.now() - began);
      if (unstable !== DUE) throw new Error(`${unstable} of ${DUE} followers became unstable.`);
    }
    rows.push(
      makeRow({
        measure: `Sweep of ${filled.toLocaleString("en")} sessions, 1,000 of them due`,
        unit: "ms",
        ours: someDue,
        note: "each becomes unstable: its status, an audit entry, an event, its node told",
      }),
    );
    return { rows };
  } finally {
    stores.close();
  }
}

async function nothingDue(bench: Bench, { redis }: Stores, run: () => Promise<unknown>, size: number): Promise<Row> {
  const ours = new Samples();
  const bare = new Samples();
  const timed = async (samples: Samples, work: () => Promise<unknown>): Promise<void> => {
    const times: number[] = [];
    for (let index = 0; index < SWEEPS_A_ROUND; index++) {
      const began = performance.now();
      await work();
      times.push(performance.now() - began);
    }
    samples.add(median(times));
  };
  await run();
  await bench.rounds(
    () => timed(ours, run),
    () =>
      timed(bare, async () => {
        await redis.ping();
        await redis.ping();
      }),
  );
  return makeRow({
    measure: `Sweep of ${size.toLocaleString("en")} sessions, nothing due`,
    unit: "ms",
    ours,
    bare,
    note: "bare is two PINGs: the sweep asks twice",
  });
}

/** Followers that are due tomorrow. */
async function fill({ redis, keys, now }: Stores, from: number, to: number): Promise<void> {
  const tomorrow = (await now()) + DAY_MS;
  await inLanes((to - from) / FILLED_AT_ONCE, FILLING_LANES, async (batch) => {
    const start = from + batch * FILLED_AT_ONCE;
    const members = Array.from({ length: FILLED_AT_ONCE }, (_, index) => {
      return [tomorrow + start + index, `idle-${start + index}`];
    });
    await redis.zadd(keys.liveness, ...members.flat());
  });
}

async function claimDue(stores: Stores): Promise<ReadonlyMap<string, number>> {
  const epochs = new Map<string, number>();
  await inLanes(DUE, 32, async (index) => {
    const identifier = `due-${index}`;
    const trustVersion = await pairFollower(stores, identifier);
    epochs.set(identifier, await claimEpoch(stores, identifier, trustVersion, { nodeId: NODE_ID }));
  });
  return epochs;
}

/** All heard of again, and then for eight minutes not. */
async function makeDue(stores: Stores, epochs: ReadonlyMap<string, number>): Promise<void> {
  const { redis, keys, sessions, now } = stores;
  const dueAt = (await now()) - 1_000;
  await inLanes(epochs.size, 32, async (index) => {
    const identifier = `due-${index}`;
    await sessions.beat(identifier, epochs.get(identifier) ?? 0);
    await ageHeartbeat(stores, identifier, 480_000);
    await redis.zadd(keys.liveness, dueAt, identifier);
  });
}
