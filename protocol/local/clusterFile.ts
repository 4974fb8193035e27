import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What a running cluster leaves in its data folder, so that commands in another terminal find it. */
export interface ClusterFile {
  readonly redis: string;
  readonly keyPrefix: string;
  readonly nodes: readonly string[];
  readonly pid: number;
}

/** The URL may hold a password: only the owner reads the file. */
export function writeClusterFile(dataDir: string, contents: ClusterFile): void {
  const path = clusterFilePath(dataDir);
  // Whole or not at all: another terminal may read at any moment.
  writeFileSync(`${path}.new`, `${JSON.stringify(contents)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** What the cluster of that folder said of itself, or undefined when none is running there or it cannot be read. */
export function readClusterFile(dataDir: string): ClusterFile | undefined {
  try {
    const found: unknown = JSON.parse(readFileSync(clusterFilePath(dataDir), "utf8"));
    return isClusterFile(found) ? found : undefined;
  } catch {
    return undefined;
  }
}

export function removeClusterFile(dataDir: string): void {
  rmSync(clusterFilePath(dataDir), { force: true });
}

function clusterFilePath(dataDir: string): string {
  return join(dataDir, "cluster.json");
}

function isClusterFile(value: unknown): value is ClusterFile {
  if (typeof value !== "object" || value === null) return false;
  const { redis, keyPrefix, nodes, pid } = value as Record<string, unknown>;
  return typeof redis === "string" && typeof keyPrefix === "string" && typeof pid === "number" && Array.isArray(nodes);
}
