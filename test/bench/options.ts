import { parseArgs } from "node:util";

export interface BenchOptions {
  readonly rounds: number;
  /** Small numbers: whether it works, not how well. */
  readonly quick: boolean;
  /** Measures to take; all when empty. */
  readonly only: readonly string[];
  /** Where the processors' profiles go. Then only ours is measured. */
  readonly profileFolder?: string;
  /** Whether docs/benchmarks.md is written. */
  readonly writeDocument: boolean;
}

export const USAGE = `npm run bench -- [measure …] [options]
  --rounds N   rounds of each comparison (5)
  --quick      one round with small numbers: whether it works, not how well
  --profile    what takes the time in senders, nodes and Redis, measure by measure: ours alone, and slowed by it
  --document   write docs/benchmarks.md (done by itself when all is measured in at least 5 rounds)`;

/** @throws {Error} that says what is wrong with the arguments. */
export function readOptions(args: readonly string[], measures: readonly string[], profileFolder: string): BenchOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      rounds: { type: "string" },
      quick: { type: "boolean", default: false },
      profile: { type: "boolean", default: false },
      document: { type: "boolean", default: false },
    },
  });
  const unknown = positionals.find((name) => !measures.includes(name));
  if (unknown !== undefined) throw new Error(`${unknown} is not a measure: there are ${measures.join(", ")}.`);
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 5));
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 50) throw new Error("--rounds must be 1 to 50.");
  return {
    rounds,
    quick: values.quick,
    only: positionals,
    ...(values.profile ? { profileFolder } : {}),
    writeDocument: values.document || (positionals.length === 0 && !values.quick && !values.profile && rounds >= 5),
  };
}
