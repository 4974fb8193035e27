import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem, type } from "node:os";
import { findRedisBinary } from "../support/redisServer.ts";
import { brokerVersions } from "./peers/brokers.ts";

/** Where figures were measured. Absolute ones hold for nothing else. */
export interface Machine {
  readonly cores: number;
  readonly processor: string;
  readonly memoryGb: number;
  readonly system: string;
  readonly runtime: string;
  readonly redis: string;
  readonly ws: string;
  readonly ioredis: string;
  /** What ours is measured beside, with the versions. */
  readonly peers: Readonly<Record<string, string>>;
}

const PEER_PACKAGES = ["socket.io", "@socket.io/redis-adapter", "@socket.io/redis-streams-adapter"];

export function describeMachine(): Machine {
  return {
    cores: availableParallelism(),
    processor: (cpus()[0]?.model ?? "unknown").replaceAll(/\s+/gu, " ").trim(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release().split("-")[0]}`,
    runtime: process.version,
    redis: redisVersion(),
    ws: packageVersion("ws"),
    ioredis: packageVersion("ioredis"),
    peers: {
      ...Object.fromEntries(PEER_PACKAGES.map((name) => [name, packageVersion(name)])),
      ...brokerVersions(),
    },
  };
}

function redisVersion(): string {
  const binary = findRedisBinary();
  if (binary === undefined) return "in a container";
  const text = execFileSync(binary, ["--version"], { encoding: "utf8" });
  return `${text.startsWith("Valkey") ? "Valkey" : "Redis"} ${/v=([\d.]+)/u.exec(text)?.[1] ?? "?"}`;
}

function packageVersion(name: string): string {
  const manifest = new URL(`../../node_modules/${name}/package.json`, import.meta.url);
  const parsed: unknown = JSON.parse(readFileSync(manifest, "utf8"));
  return typeof parsed === "object" && parsed !== null && "version" in parsed ? String(parsed.version) : "?";
}
