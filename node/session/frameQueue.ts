import type { Transport } from "./transport.ts";

/** What may wait for the frame in progress before the socket is paused. A stranger's handshake needs but a few. */
const MAX_WAITING = { session: { frames: 32, bytes: 262_144 }, stranger: { frames: 8, bytes: 65_536 } } as const;

/**
 * The frames of one connection that wait for the one in progress, in order. A full queue pauses the socket, so that the
 * pressure goes back to the peer; half empty it is read on.
 */
export class FrameQueue {
  readonly #transport: Pick<Transport, "pause" | "resume">;
  readonly #frames: string[] = [];
  #bytes = 0;
  #reading = true;

  constructor(transport: Pick<Transport, "pause" | "resume">) {
    this.#transport = transport;
  }

  push(text: string, from: keyof typeof MAX_WAITING): void {
    this.#frames.push(text);
    this.#bytes += text.length;
    const most = MAX_WAITING[from];
    if (this.#reading && (this.#frames.length >= most.frames || this.#bytes >= most.bytes)) {
      this.#reading = false;
      this.#transport.pause();
    }
  }

  shift(): string | undefined {
    const text = this.#frames.shift();
    if (text === undefined) return undefined;
    this.#bytes -= text.length;
    if (this.#frames.length < MAX_WAITING.stranger.frames / 2 && this.#bytes < MAX_WAITING.stranger.bytes) this.read();
    return text;
  }

  /** Reads the socket again: a paused one would not see the peer's answer to the close frame either. */
  read(): void {
    if (this.#reading) return;
    this.#reading = true;
    this.#transport.resume();
  }

  /** Takes out all that waits. */
  drain(): string[] {
    this.#bytes = 0;
    return this.#frames.splice(0);
  }
}
