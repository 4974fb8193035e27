import { writeFileSync } from "node:fs";
import { pairedState } from "../support/pairedState.ts";
import type { Stores } from "../support/stores.ts";

/** Pairs a follower by way of the stores, and writes the file with which it connects. */
export async function writePairedState(stores: Stores, identifier: string, path: string): Promise<void> {
  writeFileSync(path, JSON.stringify(await pairedState(stores, identifier)), { mode: 0o600 });
}
