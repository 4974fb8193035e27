import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

interface Profile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const IDLE = "(idle)";

const SUFFIX = ".cpuprofile";

/** Of one process. */
export interface HotFunctions {
  readonly process: string;
  /** A line a function: its own time in percent of all that was not idle. */
  readonly lines: readonly string[];
}

/** What took most of the time in each profile of the folder whose name begins so. */
export function hottestFunctions(folder: string, measure: string, count: number): HotFunctions[] {
  return readdirSync(folder)
    .filter((name) => name.startsWith(`${measure}-`) && name.endsWith(SUFFIX))
    .map((name) => ({
      process: name.slice(measure.length + 1, -SUFFIX.length),
      lines: hottestOf(join(folder, name), count),
    }));
}

function hottestOf(path: string, count: number): string[] {
  const profile = JSON.parse(readFileSync(path, "utf8")) as Profile;
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const times = new Map<string, number>();
  for (const [index, id] of profile.samples.entries()) {
    const name = names.get(id) ?? "?";
    times.set(name, (times.get(name) ?? 0) + (profile.timeDeltas[index] ?? 0));
  }
  times.delete(IDLE);
  const busy = [...times.values()].reduce((sum, time) => sum + time, 0);
  return [...times]
    .sort(([, left], [, right]) => right - left)
    .slice(0, count)
    .map(([name, time]) => `${((time / busy) * 100).toFixed(1)} %  ${name}`);
}

function nameOf({ functionName, url, lineNumber }: CallFrame): string {
  const place =
    url === ""
      ? ""
      : `  ${url.replace(/^.*\/node_modules\//u, "").replace(/^file:.*\/(?=[^/]+\/[^/]+$)/u, "")}:${lineNumber + 1}`;
  return `${functionName === "" ? `anonymous in ${basename(url)}` : functionName}${place}`;
}
