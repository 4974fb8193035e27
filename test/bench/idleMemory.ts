import type { Bench } from "./bench.ts";
import type { Child, Commands } from "./childProcess.ts";
import type { MeasureResult } from "./measures.ts";
import { pauseMs } from "./monotonicClock.ts";
import { residentBytes } from "./processUsage.ts";
import { makeRow } from "./rows.ts";
import { Samples } from "./samples.ts";

const AT_A_TIME = 64;
const MAX_ROUNDS = 3;
const UNTOUCHED_MS = 3_000;

interface Collecting extends Commands {
  readonly collectGarbage: () => void;
}

/** What an idle session costs a node, beside an idle connection of `ws` after an exchange. Fresh processes in each round. */
export async function measureIdleMemory(bench: Bench): Promise<MeasureResult> {
  const count = bench.options.quick ? 500 : 5_000;
  // What the first connections cost (code that is compiled, pools that grow) is none of an idle session's.
  const first = 100;
  const followers = await bench.startFollowers(first + count);
  const runtimeOptions = ["--expose-gc"];

  const collected = { ours: new Samples(), bare: new Samples() };
  const uncollected = { ours: new Samples(), bare: new Samples() };
  const further = { ours: new Samples(), bare: new Samples() };
  for (let round = 0; round < Math.min(MAX_ROUNDS, bench.options.rounds); round++) {
    const node = await bench.startNode({}, runtimeOptions);
    const openSessions = async (from: number, many: number): Promise<void> => {
      const opened = await followers.call("openSessions", { url: node.url, from, count: many, atATime: AT_A_TIME });
      if (opened.failed > 0) throw new Error(`${opened.failed} handshakes failed.`);
    };
    const sessions = await kilobytesEach(node.child, openSessions, first, count);
    collected.ours.add(sessions.collected);
    uncollected.ours.add(sessions.uncollected);
    further.ours.add(sessions.further);
    await followers.call("release", "yonexus");
    await bench.untilNoSessions(node.nodeId);
    await node.child.stop();

    const server = await bench.startBare(runtimeOptions);
    const openBare = async (from: number, many: number): Promise<void> => {
      await followers.call("openBare", { url: server.url, from, count: many, atATime: AT_A_TIME, steps: 2 });
    };
    const connections = await kilobytesEach(server.child, openBare, first, count);
    collected.bare.add(connections.collected);
    uncollected.bare.add(connections.uncollected);
    further.bare.add(connections.further);
    await followers.call("release", "bare");
    await server.child.stop();
  }
  const many = count.toLocaleString("en");
  return {
    rows: [
      makeRow({
        measure: `Memory of an idle session, ${many} on a node`,
        unit: "KB",
        ...collected,
        targets: [{ is: "at most", of: "bare", value: 1.4 }],
        note: "resident memory that stays when all garbage is collected and given back",
      }),
      makeRow({
        measure: "Of that, each of the second half",
        unit: "KB",
        ...further,
        note: "what the first half cost once (code, pools) is not in it",
      }),
      makeRow({
        measure: `The same, as it stands ${UNTOUCHED_MS / 1000} s after they came`,
        unit: "KB",
        ...uncollected,
        note: "resident memory with what the runtime has not given back yet",
      }),
    ],
  };
}

async function kilobytesEach(
  server: Child<Collecting>,
  open: (from: number, count: number) => Promise<void>,
  first: number,
  count: number,
): Promise<{ collected: number; uncollected: number; further: number }> {
  const half = Math.floor(count / 2);
  await open(0, first);
  const before = await settled(server);
  await open(first, half);
  const between = await settled(server);
  await open(first + half, count - half);
  await pauseMs(UNTOUCHED_MS);
  const untouched = resident(server);
  const after = await settled(server);
  return {
    collected: (after - before) / count / 1024,
    uncollected: (untouched - before) / count / 1024,
    further: (after - between) / (count - half) / 1024,
  };
}

function resident({ pid }: { readonly pid: number }): number {
  const bytes = residentBytes(pid);
  if (bytes === undefined) throw new Error("This system does not say how much memory a process has.");
  return bytes;
}

/** The memory once nothing frees any more. */
async function settled(server: Child<Collecting>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let quiet = 0; quiet < 3; quiet++) {
    await server.call("collectGarbage");
    await pauseMs(400);
    const bytes = resident(server);
    if (bytes < least * 0.995) quiet = 0;
    least = Math.min(least, bytes);
  }
  return least;
}
