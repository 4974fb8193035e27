import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** What a child process can be asked for. Arguments and answers cross as JSON. */
export type Commands = Readonly<Record<string, (argument: never) => unknown>>;

interface Request {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}
type Answer = { readonly id: number; readonly value: unknown } | { readonly id: number; readonly error: string };

/** In the child: answers what the parent asks for, and ends with it. */
export function serveCommands(commands: Commands): void {
  process.on("message", (request: Request) => {
    void answer(commands, request).then((message) => process.send?.(message));
  });
  // The parent is gone or does not need this process any more. An orderly exit also writes a profile.
  process.on("disconnect", () => process.exit(0));
  process.send?.({ id: 0, value: undefined });
}

async function answer(commands: Commands, { id, name, argument }: Request): Promise<Answer> {
  try {
    return { id, value: await commands[name]?.(argument as never) };
  } catch (error) {
    return { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

export interface ChildOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Options of the runtime, such as `--expose-gc`. */
  readonly runtimeOptions?: readonly string[];
}

const ORDERLY_END_MS = 5_000;
/** Nothing that is asked of a process takes as long. */
const ANSWER_MS = 180_000;

/** A process of the benchmark. It has its own event loop, so that what it does does not slow down the others' but for the cores. */
export class Child<C extends Commands> {
  readonly name: string;
  readonly pid: number;
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #count = 0;

  private constructor(name: string, started: ChildProcess) {
    this.name = name;
    this.pid = started.pid ?? 0;
    this.#process = started;
    started.on("message", (message: Answer) => {
      this.#waiting.get(message.id)?.(message);
      this.#waiting.delete(message.id);
    });
    started.on("exit", (code, signal) => {
      for (const [id, settle] of this.#waiting) settle({ id, error: `the process ended with ${signal ?? code}` });
      this.#waiting.clear();
    });
  }

  /** @param program of this folder, which calls `serveCommands`. @param name as results call the process. */
  static async start<C extends Commands>(program: URL, name: string, options: ChildOptions = {}): Promise<Child<C>> {
    const started = fork(fileURLToPath(program), {
      // Nothing of the caller's own settings: a node refuses what it does not know, and obeys what it does.
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...options.env },
      execArgv: ["--conditions=source", ...(options.runtimeOptions ?? [])],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    const child = new Child<C>(name, started);
    await new Promise<void>((resolve, reject) => {
      child.#waiting.set(0, (first) =>
        "error" in first ? reject(new Error(`${name} did not start: ${first.error}`)) : resolve(),
      );
      started.once("error", reject);
    });
    return child;
  }

  /** @throws {Error} with the child's own words when it failed, or when it is gone or does not answer. */
  async call<N extends keyof C & string>(name: N, ...argument: Parameters<C[N]>): Promise<Awaited<ReturnType<C[N]>>> {
    const id = ++this.#count;
    let timer: NodeJS.Timeout | undefined;
    const answered = new Promise<Answer>((resolve) => {
      this.#waiting.set(id, resolve);
      timer = setTimeout(() => resolve({ id, error: `no answer in ${ANSWER_MS / 1000} s` }), ANSWER_MS);
    });
    this.#process.send({ id, name, argument: argument[0] } satisfies Request);
    const result = await answered;
    clearTimeout(timer);
    this.#waiting.delete(id);
    if ("error" in result) throw new Error(`${this.name}, ${name}: ${result.error}`);
    return result.value as Awaited<ReturnType<C[N]>>;
  }

  /** Without any goodbye. Resolves when it is gone. */
  async kill(): Promise<void> {
    if (this.#isGone) return;
    const exited = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await exited;
  }

  /** In order, and by force when that takes too long. */
  async stop(): Promise<void> {
    if (this.#isGone) return;
    const exited = once(this.#process, "exit");
    const force = setTimeout(() => this.#process.kill("SIGKILL"), ORDERLY_END_MS);
    if (this.#process.connected) this.#process.disconnect();
    await exited;
    clearTimeout(force);
  }

  get #isGone(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }
}
