import { once } from "node:events";

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

/** Calls back when the reader of standard output is gone: nobody is left to tell. */
export function onReaderGone(gone: () => void): void {
  process.stdout.on("error", gone);
}

/** Resolves when standard output has taken all that was printed. */
export async function flushOutput(): Promise<void> {
  await new Promise<void>((resolve) => {
    process.stdout.write("", () => resolve());
  });
}
