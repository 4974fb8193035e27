import { closeSync, openSync, readFileSync, writeSync } from "node:fs";

/** Lines that outlive the process that wrote them, each written at once and whole. Several processes may share a file. */
export class Journal<Line extends object> {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, "a");
  }

  write(line: Line): void {
    writeSync(this.#file, `${JSON.stringify(line)}\n`);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** In the order in which they were written. No file is no lines. */
export function readJournal<Line extends object>(path: string): Line[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line);
}
