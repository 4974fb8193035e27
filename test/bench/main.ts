import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Bench } from "./bench.ts";
import { hottestFunctions } from "./cpuProfile.ts";
import { describeMachine } from "./machine.ts";
import { MEASURES, type MeasureResult } from "./measures.ts";
import { type BenchOptions, readOptions, USAGE } from "./options.ts";
import { missingBrokers } from "./peers/brokers.ts";
import { hottestCommands, type RedisWork } from "./redisCounters.ts";
import { document, printable, type Report } from "./report.ts";
import type { Row } from "./rows.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const resultsFolder = join(root, "bench-results");
const profileFolder = join(resultsFolder, "profiles");
const HOTTEST = 3;

async function run(options: BenchOptions): Promise<Report> {
  const began = performance.now();
  const at = new Date().toISOString();
  const rows: Row[] = [];
  const work: Record<string, RedisWork> = {};
  const missing = missingBrokers();
  if (missing !== undefined) process.stderr.write(`${missing}\n`);
  for (const [name, measure] of Object.entries(MEASURES)) {
    if (options.only.length > 0 && !options.only.includes(name)) continue;
    process.stderr.write(`${name} …`);
    const begun = performance.now();
    let hotCommands: readonly string[] = [];
    const result = await Bench.run(name, options, async (bench): Promise<MeasureResult> => {
      const measured = await measure(bench);
      if (bench.isProfiled) hotCommands = await hottestCommands(bench.redis, HOTTEST);
      return measured;
    });
    process.stderr.write(` ${((performance.now() - begun) / 1000).toFixed(0)} s\n`);
    if (options.profileFolder !== undefined) printHottest(name, options.profileFolder, hotCommands);
    rows.push(...result.rows);
    Object.assign(work, result.work);
  }
  const seconds = Math.round((performance.now() - began) / 1000);
  return {
    at,
    rounds: options.rounds,
    seconds,
    machine: describeMachine(),
    rows,
    work,
    ...(missing === undefined ? {} : { missing }),
  };
}

/** Where the time of a measure went, a few lines a process. */
function printHottest(measure: string, folder: string, hotCommands: readonly string[]): void {
  for (const { process: name, lines } of [
    ...hottestFunctions(folder, measure, HOTTEST),
    { process: "redis", lines: hotCommands },
  ]) {
    process.stdout.write(`${measure}, ${name}\n${lines.map((line) => `  ${line}\n`).join("")}`);
  }
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
  if (options.writeDocument) {
    mkdirSync(join(root, "docs"), { recursive: true });
    writeFileSync(join(root, "docs", "benchmarks.md"), document(report));
    process.stdout.write("Written: docs/benchmarks.md\n");
  }
  return 0;
}

process.exitCode = await main();
