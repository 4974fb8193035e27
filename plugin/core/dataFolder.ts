import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { makeFileOnce } from "@yonexus/protocol/local";
import type { HostRuntime } from "./host.ts";
import { PLUGIN_ID } from "./identity.ts";

/** OpenClaw's profile folder, where the host does not say it itself: as OpenClaw finds it. */
export function stateDirOf(runtime: HostRuntime | undefined, env: NodeJS.ProcessEnv = process.env): string {
  const told = runtime?.state?.resolveStateDir?.(env);
  if (typeof told === "string" && told !== "") return told;
  const named = env.OPENCLAW_STATE_DIR;
  return named === undefined || named === "" ? join(homedir(), ".openclaw") : named;
}

/** What the plugin keeps in a profile, apart from its code: OpenClaw lets plugins keep files of their own there. */
export class DataFolder {
  readonly path: string;

  constructor(stateDir: string) {
    this.path = join(stateDir, PLUGIN_ID);
  }

  get pairingCodes(): string {
    return join(this.path, "pairing-codes.json");
  }

  get #gatewayIdPath(): string {
    return join(this.path, "gateway.id");
  }

  /** The name of a gateway that has one. */
  knownGatewayId(): string | undefined {
    const found = readIfThere(this.#gatewayIdPath);
    return found !== undefined && GATEWAY_ID.test(found) ? found : undefined;
  }

  /**
   * Names this gateway for good among those that feed the allowlist. Made at the first call: of two processes that start at once
   * one makes it, and the other reads it. @throws the file system's error.
   */
  gatewayId(): string {
    const path = this.#gatewayIdPath;
    for (;;) {
      const found = readIfThere(path);
      if (found !== undefined && GATEWAY_ID.test(found)) return found;
      if (found !== undefined) takeAway(path);
      mkdirSync(this.path, { recursive: true, mode: 0o700 });
      const made = randomBytes(6).toString("hex");
      if (makeFileOnce(path, `${made}\n`)) return made;
    }
  }
}

const GATEWAY_ID = /^[A-Za-z0-9]{12}$/u;

/** Takes a damaged one away. If another process was quicker, what was taken is the new one, and goes back. */
function takeAway(path: string): void {
  const taken = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    renameSync(path, taken);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return;
    throw error;
  }
  const found = readIfThere(taken) ?? "";
  if (GATEWAY_ID.test(found)) makeFileOnce(path, `${found}\n`);
  rmSync(taken, { force: true });
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
