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

/** What took most of the time in each profile of the folder: a function's own time in percent of all that was not idle. */
export function hottest(folder: string, count: number): string {
  const files = readdirSync(folder).filter((name) => name.endsWith(".cpuprofile"));
  return files.map((name) => `${name}\n${hottestOf(join(folder, name), count).join("\n")}`).join("\n\n");
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
    .map(([name, time]) => `  ${((time / busy) * 100).toFixed(1).padStart(5)} %  ${name}`);
}

function nameOf({ functionName, url, lineNumber }: CallFrame): string {
  const place =
    url === ""
      ? ""
      : `  ${url.replace(/^.*\/node_modules\//u, "").replace(/^file:.*\/(?=[^/]+\/[^/]+$)/u, "")}:${lineNumber + 1}`;
  return `${functionName === "" ? `anonymous in ${basename(url)}` : functionName}${place}`;
}
