import { type ChildProcess, spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { endWithThisProcess } from "./endWithThisProcess.ts";
import { LocalError } from "./localError.ts";
import { boundLog, openLog } from "./logFile.ts";
import { RestartPolicy } from "./restartPolicy.ts";

/** What a process of ours prints on its standard output: JSON, one object a line. */
export interface ProcessEvent {
  readonly event: string;
  readonly [field: string]: unknown;
}

export interface ProcessPlan {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly logPath: string;
  /** What a restart is told beside `env`, by the first `ready`: what it chose for itself then, it keeps. */
  readonly keep?: (ready: ProcessEvent) => NodeJS.ProcessEnv;
  /** After five ends within a minute it is tried again this slowly (ms), for ever; given up where this is missing. */
  readonly slowRestartMs?: number;
  /**
   * Whether it is one of our own: its standard output is events, of which `ready` is the first, and it ends when its
   * channel to this process closes. Any other logs on both outputs and is `probe`d until it answers.
   */
  readonly probe?: (signal: AbortSignal) => Promise<void>;
}

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why it did not even begin, where the system told: a clause. */
  readonly problem?: string;
}

export interface ProcessListener {
  /** Any event but `ready`. */
  readonly said: (process: string, event: ProcessEvent) => void;
  readonly exited: (process: string, ending: Ending, restartInMs: number | undefined) => void;
  readonly restarted: (process: string, ready: ProcessEvent) => void;
}

const READY_TIMEOUT_MS = 30_000;
/** How often a running process' log is looked at. */
const LOG_CHECK_EVERY_MS = 10_000;

/** One process of a local cluster: started, watched, started again when it ends by itself, and stopped. */
export class ManagedProcess {
  readonly #plan: ProcessPlan;
  readonly #listener: ProcessListener;
  readonly #restarts: RestartPolicy;
  readonly #stopping = new AbortController();
  readonly #started = Promise.withResolvers<ProcessEvent>();
  #child: ChildProcess | undefined;
  #run: Promise<void> | undefined;
  #kept: NodeJS.ProcessEnv = {};

  constructor(plan: ProcessPlan, listener: ProcessListener) {
    this.#plan = plan;
    this.#listener = listener;
    this.#restarts = new RestartPolicy(plan.slowRestartMs);
    // Whoever stops it before it was ready may not wait for the start any more.
    this.#started.promise.catch(() => {});
  }

  get name(): string {
    return this.#plan.name;
  }

  get logPath(): string {
    return this.#plan.logPath;
  }

  /** Resolves with its first `ready`. @throws LocalError when it ends before, or takes too long. */
  start(): Promise<ProcessEvent> {
    this.#run ??= this.#keepRunning().catch((error: unknown) => this.#started.reject(error));
    return this.#started.promise;
  }

  /** Ends it for good. It never rejects. @param patienceMs after that it is killed, which ends a halted process too. */
  async stop(signal: NodeJS.Signals, patienceMs: number): Promise<void> {
    this.#stopping.abort();
    this.#child?.kill(signal);
    const kill = setTimeout(() => this.#child?.kill("SIGKILL"), patienceMs);
    await this.#run;
    clearTimeout(kill);
  }

  kill(): void {
    this.#stopping.abort();
    this.#child?.kill("SIGKILL");
  }

  async #keepRunning(): Promise<void> {
    const { name, logPath, keep } = this.#plan;
    let wasReady = false;
    while (!this.#stopping.signal.aborted) {
      const { ready, ended } = this.#tryToLaunch();
      const announced = await Promise.race([ready, ended.then(() => undefined)]);
      if (announced !== undefined) {
        if (wasReady) this.#listener.restarted(name, announced);
        else this.#kept = keep?.(announced) ?? {};
        wasReady = true;
        this.#started.resolve(announced);
      }
      const ending = await ended;
      if (this.#stopping.signal.aborted) break;
      if (!wasReady) {
        const mend = ending.problem === undefined ? `see ${logPath}` : "mend that";
        this.#started.reject(new LocalError(`${name} ended before it was ready (${endingText(ending)}): ${mend}.`));
        return;
      }
      const restartInMs = this.#restarts.next(performance.now());
      this.#listener.exited(name, ending, restartInMs);
      if (restartInMs === undefined) return;
      await sleep(restartInMs, undefined, { signal: this.#stopping.signal }).catch(() => {});
    }
    this.#started.reject(new LocalError(`${name} was stopped before it was ready.`));
  }

  /** What cannot even begin has ended: a folder of logs that is gone must not end this process. */
  #tryToLaunch(): Launched {
    try {
      return this.#launch();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const ending = { code: null, signal: null, problem: `it could not be started: ${reason}` };
      return { ready: new Promise<never>(() => {}), ended: Promise.resolve(ending) };
    }
  }

  #launch(): Launched {
    const { logPath, probe } = this.#plan;
    const child = this.#spawn();
    this.#child = child;
    const bound = setInterval(() => {
      try {
        boundLog(logPath);
      } catch {
        // A full disk must not end the cluster too; the next look tries again.
      }
    }, LOG_CHECK_EVERY_MS);
    const release = probe === undefined || child.pid === undefined ? undefined : endWithThisProcess(child.pid);
    const ended = new Promise<Ending>((resolve) => {
      child.once("error", (error) => {
        clearInterval(bound);
        resolve({ code: null, signal: null, problem: `it could not be started: ${error.message}` });
      });
      child.once("exit", (code, signal) => {
        clearInterval(bound);
        release?.();
        resolve({ code, signal });
      });
    });
    const late = setTimeout(() => child.kill("SIGKILL"), READY_TIMEOUT_MS);
    const ready = (probe === undefined ? this.#listen(child) : this.#probe(probe, ended)).finally(() =>
      clearTimeout(late),
    );
    void ended.then(() => clearTimeout(late));
    // What cannot find out whether it answers cannot use it either. Once it ended that is of no interest.
    const known = ready.catch(() => {
      child.kill("SIGKILL");
      return ended.then(() => undefined);
    });
    return { ready: known, ended };
  }

  #spawn(): ChildProcess {
    const { program, args, env, logPath, probe } = this.#plan;
    const log = openLog(logPath);
    try {
      return spawn(program, args, {
        env: { ...env, ...this.#kept },
        // A process group of its own: Ctrl-C reaches this process alone, which then stops all in good order.
        detached: true,
        stdio: probe === undefined ? ["ignore", "pipe", log, "ipc"] : ["ignore", log, log],
      });
    } finally {
      closeSync(log);
    }
  }

  #listen(child: ChildProcess): Promise<ProcessEvent> {
    return new Promise((resolve) => {
      if (child.stdout === null) return;
      createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY }).on("line", (line) => {
        const event = parseEvent(line);
        if (event?.event === "ready") resolve(event);
        else if (event !== undefined) this.#listener.said(this.name, event);
      });
    });
  }

  async #probe(probe: (signal: AbortSignal) => Promise<void>, ended: Promise<Ending>): Promise<ProcessEvent> {
    const giveUp = new AbortController();
    void ended.then(() => giveUp.abort());
    await probe(giveUp.signal);
    return { event: "ready" };
  }
}

interface Launched {
  /** Undefined when that cannot be found out: it has ended then. */
  readonly ready: Promise<ProcessEvent | undefined>;
  readonly ended: Promise<Ending>;
}

export function endingText({ code, signal, problem }: Ending): string {
  if (problem !== undefined) return problem;
  if (signal !== null) return signal;
  return code === null ? "it could not be started" : `exit code ${code}`;
}

function parseEvent(line: string): ProcessEvent | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && "event" in value && typeof value.event === "string"
      ? (value as ProcessEvent)
      : undefined;
  } catch {
    return undefined;
  }
}
