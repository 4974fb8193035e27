import { openStores } from "../support/stores.ts";
import type { Bench } from "./bench.ts";
import type { MeasureResult } from "./measures.ts";
import { nowUs } from "./monotonicClock.ts";
import { makeRow } from "./rows.ts";
import { Samples } from "./samples.ts";
import { quantile } from "./statistics.ts";

const AT_A_TIME = 64;
const TIMEOUT_MS = 60_000;
const MAX_ROUNDS = 3;

/** A node is killed while two hold as many sessions each: how long until all are on the other one. */
export async function measureStorm(bench: Bench): Promise<MeasureResult> {
  const count = bench.options.quick ? 500 : 5_000;
  const followers = await bench.startFollowers(2 * count);
  // As in the field: no more than this may shake hands at a time, and the others are told to come back.
  const settings = { YONEXUS_MAX_UNAUTHENTICATED: "1000" };
  const last = new Samples();
  const half = new Samples();
  let refusals = 0;
  for (let round = 0; round < Math.min(MAX_ROUNDS, bench.options.rounds); round++) {
    const [dying, staying] = await Promise.all([bench.startNode(settings), bench.startNode(settings)]);
    const asked = { count, atATime: AT_A_TIME };
    await followers.call("openSessions", { ...asked, url: dying.url, from: 0 });
    await followers.call("openSessions", { ...asked, url: staying.url, from: count });
    const storm = followers.call("comeBack", { url: staying.url, count, timeoutMs: TIMEOUT_MS });
    // Answered after the call before it was taken up.
    await followers.call("sessions");
    const killedUs = nowUs();
    const { value, usage } = await bench.observed([staying.child, followers], async () => {
      await dying.child.kill();
      return storm;
    });
    if (value.backUs.length < count) {
      throw new Error(`${count - value.backUs.length} followers were not back after ${TIMEOUT_MS / 1000} s.`);
    }
    const elsewhere = await sessionsElsewhere(bench, staying.nodeId, 2 * count);
    if (elsewhere > 0) throw new Error(`${elsewhere} sessions are not on the node that stayed.`);
    const seconds = value.backUs.map((us) => (us - killedUs) / 1e6);
    last.add(Math.max(...seconds), usage);
    half.add(quantile(seconds, 0.5), usage);
    refusals = Math.max(refusals, value.refused);
    await followers.call("release", "yonexus");
    await bench.untilNoSessions(staying.nodeId);
    await staying.child.stop();
  }
  const many = count.toLocaleString("en");
  const note = `none left behind; up to ${refusals} tries refused or lost`;
  return {
    rows: [
      makeRow({
        measure: `A node is killed: all ${many} followers are back after`,
        unit: "s",
        ours: last,
        targets: [{ is: "at most", of: "ours", value: 10 }],
        note,
      }),
      makeRow({ measure: `A node is killed: half of them are back after`, unit: "s", ours: half, note }),
    ],
  };
}

/** How many of the followers have no live session on that node, by what Redis says. */
async function sessionsElsewhere(bench: Bench, nodeId: string, count: number): Promise<number> {
  const stores = await openStores(bench.redis.url, { keys: bench.keys });
  const owners = await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const { session } = bench.keys.follower(`follower-${index}`);
      return stores.redis.hmget(session, "nodeId", "status");
    }),
  );
  stores.close();
  return owners.filter(([owner, status]) => owner !== nodeId || status !== "online").length;
}
