import { execFileSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

export const OLDEST_REDIS = "7.0";

export type RedisBinary =
  | { readonly found: true; readonly path: string; readonly version: string }
  /** Why none can be used: `there is no redis-server on the PATH`. */
  | { readonly found: false; readonly because: string };

/** The first Redis or Valkey on the PATH that is new enough. */
export function findRedisBinary(env: NodeJS.ProcessEnv): RedisBinary {
  const folders = (env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  let because = "there is no redis-server or valkey-server on the PATH";
  for (const program of ["redis-server", "valkey-server"]) {
    const path = folders.map((folder) => join(folder, program)).find(isExecutable);
    if (path === undefined) continue;
    const version = versionOf(path);
    if (version !== undefined && isNewEnough(version)) return { found: true, path, version };
    because = `${path} is version ${version ?? "unknown"} and ${OLDEST_REDIS} is needed`;
  }
  return { found: false, because };
}

/** Whether a version such as `7.0.15` is one that the scripts run on. Valkey began at 7.2. */
export function isNewEnough(version: string): boolean {
  return Number(version.split(".")[0]) >= 7;
}

function versionOf(path: string): string | undefined {
  try {
    // `Redis server v=7.0.15 sha=…`, `Valkey server v=8.0.1 sha=…`
    return /\bv=(\d+\.\d+\.\d+)/u.exec(execFileSync(path, ["--version"], { encoding: "utf8", timeout: 5_000 }))?.[1];
  } catch {
    return undefined;
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
