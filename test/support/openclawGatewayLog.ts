import { appendFileSync, closeSync, openSync, readSync } from "node:fs";

/** The lines of a file that a process appends to. Each look reads only what is new. */
export class GrowingLog {
  readonly #lines: string[] = [];
  readonly #descriptor: number;
  readonly #decoder = new TextDecoder();
  readonly #buffer = Buffer.alloc(65_536);
  #unfinished = "";
  #closed = false;

  constructor(file: string) {
    // The process may not have made it yet.
    appendFileSync(file, "");
    this.#descriptor = openSync(file, "r");
  }

  /** So far; the last line counts once it is ended. */
  get lines(): readonly string[] {
    for (let read = this.#read(); read > 0; read = this.#read()) {
      const text = this.#unfinished + this.#decoder.decode(this.#buffer.subarray(0, read), { stream: true });
      const lines = text.split("\n");
      this.#unfinished = lines.pop() ?? "";
      this.#lines.push(...lines);
    }
    return this.#lines;
  }

  /** The lines stay. */
  close(): void {
    if (this.#closed) return;
    void this.lines;
    this.#closed = true;
    closeSync(this.#descriptor);
  }

  #read(): number {
    return this.#closed ? 0 : readSync(this.#descriptor, this.#buffer);
  }
}
