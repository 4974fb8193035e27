import { parseArgs } from "node:util";
import { ROWS, type RowName } from "./rows.ts";

export interface FaultOptions {
  readonly rows: readonly RowName[];
  /** Shorter outages: whether it works, not how long it holds. */
  readonly quick: boolean;
  readonly json: boolean;
  /** Whether docs/faults.md is written. */
  readonly writeDocument: boolean;
}

export const USAGE = `npm run faults [-- row … --quick --json --document]
  --quick      shorter outages: whether it works
  --json       one line of JSON for each row in place of the table
  --document   write docs/faults.md

Rows:
${Object.entries(ROWS)
  .map(([name, { what }]) => `  ${name.padEnd(16)} ${what}`)
  .join("\n")}`;

/** @throws {Error} that says what is wrong with the arguments. */
export function readOptions(args: readonly string[]): FaultOptions {
  const flag = { type: "boolean", default: false } as const;
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { quick: flag, json: flag, document: flag },
  });
  const names = Object.keys(ROWS) as RowName[];
  const unknown = positionals.find((name) => !names.some((known) => known === name));
  if (unknown !== undefined) throw new Error(`${unknown} is not a row.`);
  const { quick, json, document: writeDocument } = values;
  if (writeDocument && (quick || positionals.length > 0)) {
    throw new Error("--document needs all rows at their full length: leave out the rows and --quick.");
  }
  return {
    rows: names.filter((name) => positionals.length === 0 || positionals.includes(name)),
    quick,
    json,
    writeDocument,
  };
}
