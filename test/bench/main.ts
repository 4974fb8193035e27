import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Bench } from "./bench.ts";
import { hottest } from "./cpuProfile.ts";
import { describeMachine } from "./machine.ts";
import { MEASURES } from "./measures.ts";
import { type BenchOptions, readOptions, USAGE } from "./options.ts";
import type { RedisWork } from "./redisCounters.ts";
import { document, printable, type Report } from "./report.ts";
import type { Row } from "./rows.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const resultsFolder = join(root, "bench-results");
const profileFolder = join(resultsFolder, "profiles");
const HOTTEST = 15;

async function run(options: BenchOptions): Promise<Report> {
  const began = performance.now();
  const at = new Date().toISOString();
  const rows: Row[] = [];
  const work: Record<string, RedisWork> = {};
  for (const [name, measure] of Object.entries(MEASURES)) {
    if (options.only.length > 0 && !options.only.includes(name)) continue;
    process.stderr.write(`${name} …`);
    const begun = performance.now();
    const result = await Bench.run(name, options, measure);
    process.stderr.write(` ${((performance.now() - begun) / 1000).toFixed(0)} s\n`);
    rows.push(...result.rows);
    Object.assign(work, result.work);
  }
  const seconds = Math.round((performance.now() - began) / 1000);
  return { at, rounds: options.rounds, seconds, machine: describeMachine(), rows, work };
}

async function main(): Promise<number> {
  let options: BenchOptions;
  try {
    options = readOptions(process.argv.slice(2), Object.keys(MEASURES), profileFolder);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}\n`);
    return 2;
  }
  rmSync(profileFolder, { recursive: true, force: true });
  mkdirSync(options.profileFolder ?? resultsFolder, { recursive: true });
  const report = await run(options);
  process.stdout.write(`\n${printable(report)}\n`);
  const path = join(resultsFolder, `${report.at.replaceAll(":", "-").slice(0, 19)}.json`);
  writeFileSync(path, `${JSON.stringify(report, null, 2)}\n`);
  process.stdout.write(`\nWritten: ${path.slice(root.length)}\n`);
  if (options.profileFolder !== undefined) process.stdout.write(`\n${hottest(options.profileFolder, HOTTEST)}\n`);
  if (options.writeDocument) {
    mkdirSync(join(root, "docs"), { recursive: true });
    writeFileSync(join(root, "docs", "benchmarks.md"), document(report));
    process.stdout.write("Written: docs/benchmarks.md\n");
  }
  return 0;
}

process.exitCode = await main();
