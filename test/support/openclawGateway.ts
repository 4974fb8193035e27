import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { freePorts } from "./freePorts.ts";
import type { GuardedProcess } from "./guardedProcess.ts";
import { GrowingLog } from "./openclawGatewayLog.ts";
import {
  GATEWAY_TOKEN,
  merged,
  type OpenclawCliResult,
  type OpenclawConfig,
  OpenclawProfile,
} from "./openclawGatewayProfile.ts";
import { GatewayRpc } from "./openclawGatewayRpc.ts";
import { waitFor } from "./waitFor.ts";

export interface GatewayOptions {
  /** An own profile, which outlives the gateway; else one is made, which `remove` takes away. */
  readonly profile?: OpenclawProfile;
  /** Added to the minimal configuration of a profile that is made here, key by key. */
  readonly config?: OpenclawConfig;
  readonly env?: NodeJS.ProcessEnv;
  /** Folders of plugins for a profile that is made here: copied to its extensions and enabled. */
  readonly plugins?: readonly string[];
  /** A free one unless told. */
  readonly port?: number;
}

/** What the gateway made of a change of openclaw.json. */
export interface ReloadOutcome {
  /** Of a refused one the gateway goes on with what it had. */
  readonly outcome: "applied" | "refused" | "restarting";
  /** The line that says so. */
  readonly line: string;
}

export interface ToolAnswer {
  readonly status: number;
  /** `{ ok: true, result: { content, details } }` or `{ ok: false, error }`. */
  readonly body: unknown;
}

export interface GatewayHealth {
  readonly ok: boolean;
  readonly plugins: {
    readonly loaded: readonly string[];
    /** A failure that a service reports has the phase `service` and reads `service <id of the service>: <message>`. */
    readonly errors: readonly { readonly id: string; readonly failurePhase?: string; readonly error: string }[];
  };
}

export interface Stopped {
  readonly ms: number;
  /** The gateway had not ended within its time, and was killed. */
  readonly killed: boolean;
  /** `code 0`, or `signal SIGKILL` and the like. */
  readonly how: string;
}

const READY_TIMEOUT_MS = 90_000;
const STOP_TIMEOUT_MS = 20_000;
const CHAT_TIMEOUT_MS = 60_000;
const RELOAD_TIMEOUT_MS = 30_000;
/** A machine with two cores has better to do while a gateway boots than to answer questions. */
const QUESTION_EVERY_MS = 50;

const RELOADS: readonly (readonly [RegExp, ReloadOutcome["outcome"]])[] = [
  [/config (?:hot reload|change) applied/, "applied"],
  [/config reload (?:skipped|failed)/, "refused"],
  [/config change requires gateway restart/, "restarting"],
];

/** A real OpenClaw gateway in a process of its own, which ends with the process of the test. */
export class OpenclawGateway {
  readonly port: number;
  readonly profile: OpenclawProfile;
  /** From the start of the process until it was ready, in milliseconds. */
  readonly bootMs: number;
  readonly #process: GuardedProcess;
  readonly #log: GrowingLog;
  readonly #ownsProfile: boolean;
  readonly #env: NodeJS.ProcessEnv;
  #rpc: Promise<GatewayRpc> | undefined;

  /** @throws {Error} with the end of the log, when it ends before it is ready (code 78: a bad configuration) or takes 90 s. */
  static async start(options: GatewayOptions = {}): Promise<OpenclawGateway> {
    const port = options.port ?? (await freePorts(1))[0] ?? 0;
    const profile = options.profile ?? new OpenclawProfile(options);
    // The command reads it too, so that no configuration has to name a port.
    const env = { ...options.env, OPENCLAW_GATEWAY_PORT: String(port) };
    const output = join(profile.folder, `gateway-${randomUUID()}.txt`);
    const log = new GrowingLog(output);
    const began = performance.now();
    const args = ["gateway", "run", "--port", String(port), "--bind", "loopback"];
    const child = await profile.start(args, env, { stdout: output, stderr: output });
    try {
      await waitFor("the gateway to be ready", () => isReady(port, child), READY_TIMEOUT_MS);
      if (!child.running) throw new Error(`The gateway ended with ${await child.exited} before it was ready`);
    } catch (error) {
      child.signal("SIGKILL");
      await child.exited;
      const said = tail(log.lines);
      log.close();
      if (options.profile === undefined) profile.remove();
      throw new Error(`${error instanceof Error ? error.message : String(error)}. Its log ends:\n${said}`, {
        cause: error,
      });
    }
    return new OpenclawGateway(
      { port, profile, env, log, child, bootMs: Math.round(performance.now() - began) },
      options,
    );
  }

  private constructor(
    started: {
      readonly port: number;
      readonly profile: OpenclawProfile;
      readonly env: NodeJS.ProcessEnv;
      readonly log: GrowingLog;
      readonly child: GuardedProcess;
      readonly bootMs: number;
    },
    options: GatewayOptions,
  ) {
    this.port = started.port;
    this.profile = started.profile;
    this.bootMs = started.bootMs;
    this.#env = started.env;
    this.#log = started.log;
    this.#process = started.child;
    this.#ownsProfile = options.profile === undefined;
  }

  get pid(): number {
    return this.#process.pid;
  }

  get running(): boolean {
    return this.#process.running;
  }

  /** Settles when the process is gone, with `code 0` or `signal SIGKILL` and the like. */
  get exited(): Promise<string> {
    return this.#process.exited;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** All lines that this process has printed. */
  get log(): readonly string[] {
    return this.#log.lines;
  }

  /**
   * Waits for a line, and returns it.
   *
   * @param after looks only at lines from this number on: `gateway.log.length` of before.
   */
  async logged(pattern: string | RegExp, after = 0, timeoutMs = 15_000): Promise<string> {
    const fits = (line: string) => (typeof pattern === "string" ? line.includes(pattern) : pattern.test(line));
    try {
      return await waitFor(`the gateway to log ${pattern}`, () => this.log.slice(after).find(fits), timeoutMs);
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}. Its log ends:\n${tail(this.log)}`);
    }
  }

  /** Runs one tool as the gateway's HTTP interface does. It does not check the arguments against the tool's schema. */
  async invokeTool(tool: string, args: unknown = {}): Promise<ToolAnswer> {
    const response = await fetch(`${this.url}/tools/invoke`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${GATEWAY_TOKEN}` },
      body: JSON.stringify({ tool, args }),
      signal: AbortSignal.timeout(60_000),
    });
    return { status: response.status, body: await response.json() };
  }

  /** One RPC of the gateway, core or a plugin's, with every scope of an operator. @throws {GatewayRpcError} */
  async call(method: string, params: unknown = {}, timeoutMs?: number): Promise<unknown> {
    return (await this.#connection()).call(method, params, timeoutMs);
  }

  /**
   * Sends a message, such as a slash command, and returns the text of the reply to it. The first of a gateway takes seconds.
   *
   * @throws {Error} when the run ends in an error; without a model that is all but commands.
   */
  async chat(message: string, sessionKey = "main"): Promise<string> {
    const rpc = await this.#connection();
    const idempotencyKey = randomUUID();
    let ended: ChatEvent | undefined;
    const off = rpc.onEvent(({ event, payload }) => {
      const chat: ChatEvent = payload;
      if (event === "chat" && chat.runId === idempotencyKey && isOver(chat)) ended ??= chat;
    });
    try {
      await rpc.call("chat.send", { sessionKey, message, idempotencyKey });
      const {
        state,
        errorMessage,
        message: reply,
      } = await waitFor(`the reply to ${message}`, () => ended, CHAT_TIMEOUT_MS);
      if (state !== "final")
        throw new Error(`The run of ${JSON.stringify(message)} ended in ${state}: ${errorMessage}`);
      return (reply?.content ?? []).map(({ text = "" }) => text).join("");
    } finally {
      off();
    }
  }

  /** Looked up now, not the gateway's last look. */
  async health(): Promise<GatewayHealth> {
    return (await this.call("health", { probe: true })) as GatewayHealth;
  }

  /** What the gateway holds in memory, in bytes. */
  async rss(): Promise<number> {
    const { processMemory } = (await this.call("status")) as { readonly processMemory: { readonly rssBytes: number } };
    return processMemory.rssBytes;
  }

  /** Runs one command in the profile of this gateway; it finds the gateway by itself. */
  async cli(...args: readonly string[]): Promise<OpenclawCliResult> {
    return this.profile.cli(args, this.#env);
  }

  /**
   * Changes openclaw.json and waits until the gateway has said what becomes of it. It says nothing of a change back to what
   * is in force, as after one that was refused: write that one with the profile's `writeConfig`.
   *
   * @param change what to merge into the configuration, key by key; or a function from the old to the new one
   */
  async writeConfig(change: OpenclawConfig | ((config: OpenclawConfig) => OpenclawConfig)): Promise<ReloadOutcome> {
    const after = this.log.length;
    const before = this.profile.readConfig();
    this.profile.writeConfig(typeof change === "function" ? change(before) : merged(before, change));
    const any = new RegExp(RELOADS.map(([pattern]) => pattern.source).join("|"));
    const line = await this.logged(any, after, RELOAD_TIMEOUT_MS);
    const [, outcome = "applied"] = RELOADS.find(([pattern]) => pattern.test(line)) ?? [];
    return { outcome, line };
  }

  /** SIGTERM, and SIGKILL when it has not ended within 20 seconds. */
  async stop(): Promise<Stopped> {
    const began = performance.now();
    let killed = false;
    const timer = setTimeout(() => {
      killed = true;
      this.#process.signal("SIGKILL");
    }, STOP_TIMEOUT_MS);
    this.#process.signal("SIGTERM");
    const how = await this.#process.exited.finally(() => clearTimeout(timer));
    const ms = Math.round(performance.now() - began);
    await this.#ended();
    return { ms, killed, how };
  }

  async kill(): Promise<void> {
    this.#process.signal("SIGKILL");
    await this.#process.exited;
    await this.#ended();
  }

  /** Ends it, however it goes, and takes the profile away unless it was given. */
  async remove(): Promise<void> {
    await this.kill();
    if (this.#ownsProfile) this.profile.remove();
  }

  /** One connection for all calls; another one when the gateway has closed it. */
  async #connection(): Promise<GatewayRpc> {
    const known = this.#rpc;
    const last = await known?.catch(() => undefined);
    if (last?.open === true) return last;
    // Unless another call was first.
    if (this.#rpc === known) this.#rpc = GatewayRpc.connect(this.port, GATEWAY_TOKEN);
    return this.#rpc ?? this.#connection();
  }

  async #ended(): Promise<void> {
    (await this.#rpc?.catch(() => undefined))?.close();
    this.#log.close();
  }
}

interface ChatEvent {
  readonly runId?: string;
  readonly state?: string;
  readonly errorMessage?: string;
  readonly message?: { readonly content?: readonly { readonly text?: string }[] };
}

function isOver({ state }: ChatEvent): boolean {
  return state === "final" || state === "error" || state === "aborted";
}

/** Undefined for "not yet"; a process that has ended is not waited for. */
async function isReady(port: number, child: GuardedProcess): Promise<true | undefined> {
  if (!child.running) return true;
  await pause(QUESTION_EVERY_MS);
  const response = await fetch(`http://127.0.0.1:${port}/readyz`);
  await response.body?.cancel();
  return response.status === 200 ? true : undefined;
}

function tail(lines: readonly string[]): string {
  return lines.slice(-30).join("\n");
}
