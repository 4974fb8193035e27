import { readFileSync } from "node:fs";

/** How busy a process was, in percent of one core. `loop` is its main thread: an event loop near 100 is at its limit. */
export interface Usage {
  readonly name: string;
  readonly loop: number;
  readonly all: number;
}

interface Ticks {
  readonly loop: number;
  readonly all: number;
}

/** Whatever else ran on the machine. */
export const OTHERS = "others";

const TICKS_PER_SECOND = 100;

/** Measures from its making on how busy processes are. Empty where the system does not say. */
export class UsageMeter {
  readonly #processes: readonly { readonly name: string; readonly pid: number }[];
  readonly #before: readonly (Ticks | undefined)[];
  readonly #machineBefore = machineTicks();
  readonly #startedAt = performance.now();

  constructor(processes: readonly { readonly name: string; readonly pid: number }[]) {
    this.#processes = processes;
    this.#before = processes.map(({ pid }) => ticksOf(pid));
  }

  read(): Usage[] {
    const seconds = (performance.now() - this.#startedAt) / 1000;
    const percent = (ticks: number) => Math.round((ticks / TICKS_PER_SECOND / seconds) * 100);
    const usage = this.#processes.flatMap(({ name, pid }, index) => {
      const before = this.#before[index];
      const after = ticksOf(pid);
      if (before === undefined || after === undefined) return [];
      return [{ name, loop: percent(after.loop - before.loop), all: percent(after.all - before.all) }];
    });
    const machine = machineTicks();
    if (machine === undefined || this.#machineBefore === undefined) return usage;
    const own = usage.reduce((sum, { all }) => sum + all, 0);
    return [...usage, { name: OTHERS, loop: 0, all: Math.max(0, percent(machine - this.#machineBefore) - own) }];
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

/** All cores, without what they were idle. */
function machineTicks(): number | undefined {
  const [, ...numbers] = (readText("/proc/stat")?.split("\n", 1)[0] ?? "").trim().split(/\s+/u);
  if (numbers.length < 8) return undefined;
  const [user = 0, nice = 0, system = 0, , , interrupts = 0, softInterrupts = 0, stolen = 0] = numbers.map(Number);
  return user + nice + system + interrupts + softInterrupts + stolen;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
