import { once } from "node:events";
import { setImmediate } from "node:timers/promises";

/** One line for people on standard output, which is for results. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** One line of JSON for programs on standard output. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** One line on standard error: progress and failures. */
export function complain(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Prints a line and waits while the reader is slow, so that what waits in memory stays bounded. */
export async function printAndDrain(text: string): Promise<void> {
  if (!process.stdout.write(`${text}\n`)) await once(process.stdout, "drain");
}

/** Calls back when standard output takes no more: nobody is left to tell. */
export function onReaderGone(gone: () => void): void {
  process.stdout.on("error", () => gone());
}

/** Calls back with the error's code when output is lost, as on a full disk. A reader that has read enough loses nothing. */
export function onOutputLost(lost: (code: string) => void): void {
  process.stdout.on("error", ({ code = "unknown error" }: NodeJS.ErrnoException) => {
    if (code !== "EPIPE") lost(code);
  });
}

/** Resolves when standard output has taken all that was printed, or takes no more. */
export async function flushOutput(): Promise<void> {
  await new Promise<void>((resolve) => {
    process.stdout.write("", () => resolve());
  });
  // An error is told just after the write that it is of.
  await setImmediate();
}
