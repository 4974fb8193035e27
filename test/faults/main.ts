import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describeMachine } from "../bench/machine.ts";
import { type FaultOptions, readOptions, USAGE } from "./faultOptions.ts";
import { document, printable } from "./faultReport.ts";
import { FULL_TIMES, QUICK_TIMES } from "./rows.ts";
import { type RowResult, runRow } from "./runRow.ts";

async function main(): Promise<number> {
  let options: FaultOptions;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}\n`);
    return 2;
  }
  const at = new Date().toISOString();
  const results: RowResult[] = [];
  for (const name of options.rows) {
    process.stderr.write(`${name} …`);
    const result = await runRow(name, options.quick ? QUICK_TIMES : FULL_TIMES);
    results.push(result);
    process.stderr.write(` ${result.isClean ? "clean" : "NOT CLEAN"}, ${result.seconds} s\n`);
    if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  }
  if (!options.json) process.stdout.write(`\n${printable(results)}\n`);
  if (options.writeDocument) {
    const docs = fileURLToPath(new URL("../../docs/", import.meta.url));
    mkdirSync(docs, { recursive: true });
    writeFileSync(`${docs}faults.md`, document(results, at, describeMachine()));
    process.stderr.write("Written: docs/faults.md\n");
  }
  return results.every(({ isClean }) => isClean) ? 0 : 1;
}

// What was started is ended on the way out, also what is stopped and could not end by itself.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
process.exitCode = await main();
