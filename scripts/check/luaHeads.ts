import { basename } from "node:path";
import type { SourceFile } from "./importRules.ts";

/** One sentence for each script whose head comment does not say what it does, takes and returns. */
export function luaHeadProblems(scripts: readonly SourceFile[]): string[] {
  return scripts.flatMap(({ path, text }) => {
    const lines = text.split("\n");
    const end = lines.findIndex((line) => !line.startsWith("--"));
    const head = lines.slice(0, end < 0 ? lines.length : end);
    const name = basename(path, ".lua");
    const missing = ["KEYS", "ARGV", "Returns"].filter((word) => !head.some((line) => line.startsWith(`-- ${word} `)));
    return [
      ...(/^-- \w+: \S/.test(head[0] ?? "") && head[0]?.startsWith(`-- ${name}: `)
        ? []
        : [`${path} does not begin with "-- ${name}: what it does".`]),
      ...missing.map(
        (word) => `${path} has no "-- ${word} …" line in its head comment ("-- ${word} none" where there is none).`,
      ),
    ];
  });
}
