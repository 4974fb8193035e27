import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type GuardedProcess, startGuarded } from "./guardedProcess.ts";

/** What openclaw.json holds: JSON, an object at the top. */
export interface OpenclawConfig {
  [key: string]: unknown;
}

/** How a command of OpenClaw ended and what it said. */
export interface OpenclawCliResult {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

export interface ProfileOptions {
  /** Added to the minimal configuration, key by key. */
  readonly config?: OpenclawConfig;
  /** Added to an environment that holds nothing of the machine but its PATH. */
  readonly env?: NodeJS.ProcessEnv;
  /** Folders of plugins, each with its manifest: copied to the extensions of the profile and enabled. */
  readonly plugins?: readonly string[];
}

/** The token of every gateway of the tests. */
export const GATEWAY_TOKEN = "token-of-the-test-gateway";

const CLI_TIMEOUT_MS = 90_000;

/** A state directory of OpenClaw in a temporary folder, with a configuration that needs no model, key or network. */
export class OpenclawProfile {
  /** The state directory; it is the home of its processes too. Short, because sockets are made in it. */
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly #onExit = () => this.remove();

  constructor({ config = {}, env = {}, plugins = [] }: ProfileOptions = {}) {
    this.folder = mkdtempSync(join(tmpdir(), "oc-"));
    process.on("exit", this.#onExit);
    this.env = { ...this.#environment(), ...env };
    const entries = Object.fromEntries(plugins.map((plugin) => [this.addPlugin(plugin), { enabled: true }]));
    this.writeConfig(merged(merged(minimalConfig(this.folder), { plugins: { entries } }), config));
  }

  get configFile(): string {
    return join(this.folder, "openclaw.json");
  }

  get logFile(): string {
    return join(this.folder, "openclaw.log");
  }

  readConfig(): OpenclawConfig {
    return objectOf(JSON.parse(readFileSync(this.configFile, "utf8")));
  }

  /** In one step: a gateway that watches the file never reads half of it. */
  writeConfig(config: OpenclawConfig): void {
    const next = `${this.configFile}.next`;
    writeFileSync(next, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
    renameSync(next, this.configFile);
  }

  /** Copies the plugin to where OpenClaw looks for extensions, without enabling it, and returns its id. */
  addPlugin(folder: string): string {
    const { id } = objectOf(JSON.parse(readFileSync(join(folder, "openclaw.plugin.json"), "utf8")));
    if (typeof id !== "string") throw new Error(`The openclaw.plugin.json in ${folder} has no id.`);
    const target = join(this.folder, "extensions", id);
    rmSync(target, { recursive: true, force: true });
    mkdirSync(dirname(target), { recursive: true });
    cpSync(folder, target, { recursive: true });
    return id;
  }

  /** Starts OpenClaw in this profile. What it prints goes to files: nobody has to keep reading. */
  async start(args: readonly string[], env: NodeJS.ProcessEnv, output: OutputFiles): Promise<GuardedProcess> {
    const variables = Object.entries({ ...this.env, ...env }).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}=${value}`],
    );
    // The shell becomes Node.js, so the process that is started, and guarded, is OpenClaw itself.
    const redirected = 'out=$1 err=$2; shift 2; exec "$@" >>"$out" 2>>"$err" </dev/null';
    const command = [process.execPath, join(openclawHost(), "openclaw.mjs"), ...args];
    return startGuarded("/usr/bin/env", [
      "-i",
      ...variables,
      "/bin/sh",
      "-c",
      redirected,
      "sh",
      output.stdout,
      output.stderr,
      ...command,
    ]);
  }

  /**
   * Runs one command of OpenClaw in this profile: 2.5 seconds on an idle machine, and several times that on a busy one.
   *
   * @throws {Error} when it has not ended within 90 seconds; it is killed then.
   */
  async cli(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<OpenclawCliResult> {
    const folder = mkdtempSync(join(this.folder, "cli-"));
    const output = { stdout: join(folder, "stdout"), stderr: join(folder, "stderr") };
    const said = () => ({ stdout: readIfThere(output.stdout), stderr: readIfThere(output.stderr) });
    try {
      const began = performance.now();
      const command = await this.start(args, env, output);
      const timer = setTimeout(() => command.signal("SIGKILL"), CLI_TIMEOUT_MS);
      const how = await command.exited.finally(() => clearTimeout(timer));
      const ms = Math.round(performance.now() - began);
      if (ms >= CLI_TIMEOUT_MS) {
        const { stdout, stderr } = said();
        throw new Error(`\`openclaw ${args.join(" ")}\` had not ended after ${ms} ms. It said:\n${stdout}${stderr}`);
      }
      return { code: how.startsWith("code ") ? Number(how.slice("code ".length)) : null, ...said(), ms };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  /** Ends whatever runs in it and takes the folder away. */
  remove(): void {
    process.off("exit", this.#onExit);
    for (const pid of processesWith(`OPENCLAW_STATE_DIR=${this.folder}`)) killIfThere(pid);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }

  #environment(): NodeJS.ProcessEnv {
    return {
      PATH: process.env.PATH,
      HOME: this.folder,
      NO_COLOR: "1",
      OPENCLAW_STATE_DIR: this.folder,
      OPENCLAW_SKIP_CHANNELS: "1",
      OPENCLAW_NO_AUTO_UPDATE: "1",
      OPENCLAW_NO_RESPAWN: "1",
      OPENCLAW_DISABLE_BONJOUR: "1",
      OPENCLAW_OFFLINE: "1",
      OPENCLAW_EXEC_SHELL_SNAPSHOT: "0",
      NODE_COMPILE_CACHE: compileCache(),
      // The launcher would start itself a second time for a compile cache in a folder of its own choice.
      OPENCLAW_PACKAGED_COMPILE_CACHE_RESPAWNED: "1",
    };
  }
}

/** Where the two outputs of a process go; both may go to one file. */
export interface OutputFiles {
  readonly stdout: string;
  readonly stderr: string;
}

/** The folder of the installed package openclaw. */
export function openclawHost(): string {
  const host = process.env.YONEXUS_OPENCLAW_HOST;
  if (host === undefined) {
    throw new Error(
      "YONEXUS_OPENCLAW_HOST does not say where OpenClaw is: run npm run test:openclaw, which installs it.",
    );
  }
  return host;
}

/** Compiled code of OpenClaw, kept over runs. */
export function compileCache(): string {
  const { YONEXUS_CACHE_DIR, XDG_CACHE_HOME } = process.env;
  const cache = YONEXUS_CACHE_DIR ?? join(XDG_CACHE_HOME ?? join(homedir(), ".cache"), "yonexus");
  return join(cache, "openclaw-compiled");
}

function minimalConfig(folder: string): OpenclawConfig {
  return {
    gateway: { mode: "local", bind: "loopback", auth: { mode: "token", token: GATEWAY_TOKEN } },
    logging: { file: join(folder, "openclaw.log") },
    update: { checkOnStart: false },
    plugins: { entries: {} },
  };
}

/** Objects are merged key by key; anything else of `over` takes the place of what is there. */
export function merged(base: OpenclawConfig, over: OpenclawConfig): OpenclawConfig {
  const result = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const before = result[key];
    result[key] = isObject(before) && isObject(value) ? merged(before, value) : value;
  }
  return result;
}

function isObject(value: unknown): value is OpenclawConfig {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function objectOf(value: unknown): OpenclawConfig {
  if (!isObject(value)) throw new Error(`Not a JSON object: ${JSON.stringify(value)}`);
  return value;
}

/**
 * A gateway that is killed may leave behind what it has started, in sessions of their own. They inherit its environment,
 * which Linux shows; elsewhere nothing is found.
 */
function processesWith(variable: string): number[] {
  if (!existsSync("/proc/self/environ")) return [];
  return readdirSync("/proc").flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) return [];
    try {
      return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(variable) ? [pid] : [];
    } catch {
      // Somebody else's, or gone by now.
      return [];
    }
  });
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone by now.
  }
}

function readIfThere(file: string): string {
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}
