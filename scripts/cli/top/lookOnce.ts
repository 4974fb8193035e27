import type { ClusterAccess } from "../clusterAccess.ts";
import { TopReader } from "./topReader.ts";
import type { TopSnapshot } from "./topSnapshot.ts";
import { FIRST_VIEW } from "./topView.ts";

/** Followers that are counted where one look has to do. */
const COUNTED_AT_ONCE = 2_000;
const SHOWN_AT_ONCE = { rules: 50, followers: 20 };

/** One look. Of more than 2,000 followers the first 2,000 are counted, and the snapshot says so. */
export async function lookOnce({ redis, keys, config, connect }: ClusterAccess): Promise<TopSnapshot> {
  const reader = new TopReader({ redis, keys, leaseMs: config.leaseMs, unstableAfterMs: config.unstableAfterMs });
  for (let counted = 0; counted < COUNTED_AT_ONCE && !reader.isCountComplete; counted += TopReader.countedAtOnce) {
    await reader.count();
  }
  // BullMQ takes its time to load: what only looks without it does not wait.
  const { JobCounts } = await import("../jobCounts.ts");
  const counts = new JobCounts(connect("producer"), keys);
  const jobs = await counts.read();
  await counts.close();
  return reader.look(FIRST_VIEW, SHOWN_AT_ONCE, jobs);
}
