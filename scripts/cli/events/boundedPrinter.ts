/** Lines that wait for a slow reader. */
const MAX_WAITING = 10_000;

/** How the lines leave. */
export interface PrinterPorts {
  /** Prints a line; resolves when there is room for the next. */
  readonly print: (line: string) => Promise<void>;
  /** So many lines were left out before the next one, since the reader was too slow. */
  readonly onLeftOut: (count: number) => void;
}

/** Prints lines that come on their own, and keeps a bounded number while the reader is slow: what comes on top of that is counted. */
export class BoundedPrinter {
  readonly #ports: PrinterPorts;
  readonly #maxWaiting: number;
  readonly #waiting: string[] = [];
  #leftOut = 0;
  #printing: Promise<void> = Promise.resolve();
  #isPrinting = false;

  constructor(ports: PrinterPorts, maxWaiting = MAX_WAITING) {
    this.#ports = ports;
    this.#maxWaiting = maxWaiting;
  }

  add(line: string): void {
    if (this.#waiting.length >= this.#maxWaiting) {
      this.#leftOut += 1;
      return;
    }
    this.#waiting.push(line);
    if (!this.#isPrinting) this.#printing = this.#printAll();
  }

  /** Resolves when all that was added is printed. */
  async drained(): Promise<void> {
    await this.#printing;
  }

  async #printAll(): Promise<void> {
    this.#isPrinting = true;
    for (let line = this.#waiting.shift(); line !== undefined; line = this.#waiting.shift()) {
      await this.#ports.print(line);
      if (this.#leftOut > 0 && this.#waiting.length === 0) {
        this.#ports.onLeftOut(this.#leftOut);
        this.#leftOut = 0;
      }
    }
    this.#isPrinting = false;
  }
}
