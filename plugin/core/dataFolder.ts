import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
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

  /** Names this gateway for good among those that feed the allowlist. Made at the first call. */
  gatewayId(): string {
    const path = join(this.path, "gateway.id");
    const known = readIfThere(path);
    if (known !== undefined && /^[A-Za-z0-9]{12}$/u.test(known)) return known;
    mkdirSync(this.path, { recursive: true, mode: 0o700 });
    const made = randomBytes(6).toString("hex");
    try {
      // Of two that start at once one makes it, and the other reads it.
      writeFileSync(path, `${made}\n`, { mode: 0o600, flag: known === undefined ? "wx" : "w" });
      return made;
    } catch (error) {
      const other = readIfThere(path);
      if (other !== undefined) return other;
      throw error;
    }
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}
