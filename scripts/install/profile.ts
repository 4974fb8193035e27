import { lstatSync, realpathSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import type { Owner } from "./disk.ts";
import { PLUGIN_ID } from "./identity.ts";
import { Refusal } from "./refusal.ts";

/** A folder in which OpenClaw keeps its configuration and state. */
export interface Profile {
  /** Absolute, without links. */
  readonly path: string;
  /** What named it, as in `from …`. */
  readonly namedBy: string;
  /** Where the configuration is, or would be; may be a link. */
  readonly configPath: string;
  /** OpenClaw was told to leave it alone. */
  readonly isConfigReadOnly: boolean;
  /** Where OpenClaw looks for plugins. */
  readonly extensions: string;
  /** What the plugin keeps of its own. */
  readonly data: string;
  /** With whose rights the work is to be done; undefined when this user's are those. */
  readonly owner: Owner | undefined;
}

/** The part of the process that a profile depends on. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  /** Undefined where users have no numbers. */
  readonly uid: number | undefined;
}

export function ownSurroundings(): Surroundings {
  return { env: process.env, home: homedir(), uid: process.getuid?.() };
}

/**
 * @param given the path that was typed, if one was
 * @throws Refusal when it is no profile, or belongs to somebody else
 */
export function findProfile(given: string | undefined, { env, home, uid }: Surroundings): Profile {
  const expand = (path: string) => resolve(path.trim().replace(/^~(?=$|[\\/])/u, () => homeOf(env, home)));
  const { named, namedBy } = nameProfile(given, env);
  const shown = expand(named);
  // A profile that was typed is complete in itself; the environment may keep the configuration of its own elsewhere.
  const elsewhere = given === undefined ? env.OPENCLAW_CONFIG_PATH?.trim() : undefined;
  const configPath = elsewhere ? expand(elsewhere) : join(shown, "openclaw.json");

  if (!isFolder(shown) || !(isThere(configPath) || isFolder(join(shown, "state")))) {
    throw new Refusal(
      "NO_PROFILE",
      `${shown} (${namedBy}) is not an OpenClaw profile, which has an openclaw.json or a folder state: name one with --openclaw-profile-path, or make it with \`openclaw setup\`.`,
    );
  }
  const path = realpathSync(shown);
  return {
    path,
    namedBy,
    configPath: elsewhere ? configPath : join(path, "openclaw.json"),
    isConfigReadOnly: env.OPENCLAW_CONFIG_READONLY === "1" || env.OPENCLAW_NIX_MODE === "1",
    extensions: join(path, "extensions"),
    data: join(path, PLUGIN_ID),
    owner: ownerOf(path, uid),
  };
}

function nameProfile(given: string | undefined, env: Surroundings["env"]) {
  if (given !== undefined) return { named: given, namedBy: "--openclaw-profile-path" };
  const set = env.OPENCLAW_STATE_DIR?.trim();
  return set ? { named: set, namedBy: "OPENCLAW_STATE_DIR" } : { named: "~/.openclaw", namedBy: "the default" };
}

/** OpenClaw has a variable of its own for it. */
function homeOf(env: Surroundings["env"], home: string): string {
  const own = env.OPENCLAW_HOME?.trim();
  return own ? own.replace(/^~(?=$|[\\/])/u, () => home) : home;
}

/** OpenClaw blocks plugins that belong to another user than itself. */
function ownerOf(path: string, uid: number | undefined): Owner | undefined {
  const { uid: owner, gid } = statSync(path);
  if (uid === undefined || owner === uid) return undefined;
  if (uid === 0) return { uid: owner, gid };
  throw new Refusal(
    "NOT_OWNER",
    `${path} belongs to user ${owner} and you are user ${uid}: run this as that user (\`sudo -u '#${owner}' …\`) or as root.`,
  );
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function isThere(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false;
  }
}
