import type { Socket } from "node:net";

/** What happens to the bytes of one direction. */
export interface DirectionMode {
  readonly delayMs?: number;
  /** Read and thrown away. */
  readonly swallows?: boolean;
  /** Not read. */
  readonly stalled?: boolean;
}

export interface ProxyMode {
  readonly toTarget: DirectionMode;
  readonly toClient: DirectionMode;
}

interface Held {
  /** Undefined is the end of the stream. */
  readonly chunk: Buffer | undefined;
  readonly dueAt: number;
}

/** The most that one direction of a connection holds; beyond it nothing is read (bytes). */
const MOST_HELD_BYTES = 262_144;

/** One direction of a connection: what the source sends goes to the sink, later or never, in its order. */
export class PipeDirection {
  readonly #source: Socket;
  readonly #sink: Socket;
  readonly #mode: () => DirectionMode;
  readonly #held: Held[] = [];
  #heldBytes = 0;
  #isBlocked = false;
  #isDamaged = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(source: Socket, sink: Socket, mode: () => DirectionMode) {
    this.#source = source;
    this.#sink = sink;
    this.#mode = mode;
    source.on("data", (chunk) => this.#take(Buffer.from(chunk)));
    source.on("end", () => this.#take(undefined));
    sink.on("drain", () => {
      this.#isBlocked = false;
      this.#pass();
    });
    this.modeChanged();
  }

  get isDamaged(): boolean {
    return this.#isDamaged;
  }

  modeChanged(): void {
    clearTimeout(this.#timer);
    if (this.#mode().stalled === true) this.#source.pause();
    else this.#pass();
  }

  /** The source is gone, whole or broken off: the sink is told, unless word of it is swallowed. */
  sourceClosed(): void {
    if (this.#mode().swallows === true) {
      this.#isDamaged = true;
      return;
    }
    if (this.#source.errored !== null || !this.#source.readableEnded) this.#sink.destroy();
  }

  #take(chunk: Buffer | undefined): void {
    const { swallows, delayMs = 0 } = this.#mode();
    if (swallows === true) {
      this.#isDamaged = true;
      return;
    }
    this.#held.push({ chunk, dueAt: performance.now() + delayMs });
    this.#heldBytes += chunk?.length ?? 0;
    this.#pass();
  }

  #pass(): void {
    clearTimeout(this.#timer);
    if (this.#mode().stalled === true) return;
    for (let [next] = this.#held; next !== undefined && !this.#isBlocked; [next] = this.#held) {
      const inMs = next.dueAt - performance.now();
      if (inMs > 0) {
        this.#timer = setTimeout(() => this.#pass(), inMs);
        break;
      }
      this.#held.shift();
      this.#heldBytes -= next.chunk?.length ?? 0;
      this.#forward(next.chunk);
    }
    if (this.#heldBytes >= MOST_HELD_BYTES) this.#source.pause();
    else this.#source.resume();
  }

  #forward(chunk: Buffer | undefined): void {
    if (!this.#sink.writable) return;
    if (chunk === undefined) this.#sink.end();
    else this.#isBlocked = !this.#sink.write(chunk);
  }
}
