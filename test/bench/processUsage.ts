import { readFileSync } from "node:fs";

/** How busy a process was, in percent of one core. `loop` is its main thread: an event loop at 100 is the limit. */
export interface Usage {
  readonly name: string;
  readonly loop: number;
  readonly all: number;
}

interface Ticks {
  readonly loop: number;
  readonly all: number;
}

const TICKS_PER_SECOND = 100;

/** Measures from its making on how busy processes are. Empty where the system does not say. */
export class UsageMeter {
  readonly #processes: readonly { readonly name: string; readonly pid: number }[];
  readonly #before: readonly (Ticks | undefined)[];
  readonly #startedAt = performance.now();

  constructor(processes: readonly { readonly name: string; readonly pid: number }[]) {
    this.#processes = processes;
    this.#before = processes.map(({ pid }) => ticksOf(pid));
  }

  read(): Usage[] {
    const seconds = (performance.now() - this.#startedAt) / 1000;
    const percent = (ticks: number) => Math.round((ticks / TICKS_PER_SECOND / seconds) * 100);
    return this.#processes.flatMap(({ name, pid }, index) => {
      const before = this.#before[index];
      const after = ticksOf(pid);
      if (before === undefined || after === undefined) return [];
      return [{ name, loop: percent(after.loop - before.loop), all: percent(after.all - before.all) }];
    });
  }
}

/** Resident memory of a process in bytes; undefined where the system does not say. */
export function residentBytes(pid: number): number | undefined {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/mu.exec(readText(`/proc/${pid}/status`) ?? "")?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}

function ticksOf(pid: number): Ticks | undefined {
  const all = ticksIn(`/proc/${pid}/stat`);
  const loop = ticksIn(`/proc/${pid}/task/${pid}/stat`);
  return all === undefined || loop === undefined ? undefined : { all, loop };
}

function ticksIn(path: string): number | undefined {
  const text = readText(path);
  if (text === undefined) return undefined;
  // The name before them, in parentheses, may hold spaces.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
