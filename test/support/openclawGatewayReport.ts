import { existsSync, readFileSync, writeFileSync } from "node:fs";

/** What a gateway cost. */
export interface BootCost {
  readonly bootMs: number;
  readonly stopMs?: number;
  readonly rssBytes?: number;
  /** Code compiled by an earlier run was there: without it a boot takes a few seconds more. */
  readonly warm: boolean;
}

/** Adds to the JSON file that YONEXUS_OPENCLAW_REPORT names, under `name`. Without one there is nothing to do. */
export function recordBoot(name: string, cost: BootCost): void {
  const file = process.env.YONEXUS_OPENCLAW_REPORT;
  if (file === undefined) return;
  const report: unknown = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
  writeFileSync(file, `${JSON.stringify(Object.assign({}, report, { [name]: cost }), null, 2)}\n`);
}
