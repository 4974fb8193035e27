import { execFile } from "node:child_process";
import { promisify } from "node:util";

const BUILD = new URL("../../scripts/build/console.ts", import.meta.url).pathname;

/** Builds the page of the console, so that coordinators that are started after it serve it. */
export async function buildConsolePage(): Promise<void> {
  await promisify(execFile)(process.execPath, ["--conditions=source", BUILD]);
}
