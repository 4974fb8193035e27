import type { IncomingMessage } from "node:http";
import WebSocket, { type ClientOptions } from "ws";
import { retryAfterMs } from "./backoff.ts";
import type { FollowerClock } from "./clock.ts";
import type { LinkEnd } from "./followerState.ts";
import { SilenceWatch } from "./silenceWatch.ts";

/** A close that the node does not answer is cut off after this long. */
const CLOSE_TIMEOUT_MS = 2_000;
/** Frames from a node that are longer than this end the link with 1009. */
const LONGEST_FRAME_BYTES = 1_048_576;

export interface LinkOptions {
  readonly url: string;
  readonly silenceTimeoutMs: number;
  readonly webSocket: ClientOptions;
  readonly clock: FollowerClock;
}

/** What a link tells. After `ended`, `drop()` or `close()` it tells nothing more. */
export interface LinkListener {
  opened(): void;
  text(frame: string): void;
  binary(): void;
  silent(): void;
  ended(end: LinkEnd): void;
}

/** One WebSocket to a node, from the first packet to the last. */
export class Link {
  readonly #socket: WebSocket;
  readonly #watch: SilenceWatch;
  readonly #clock: FollowerClock;
  /** Sends whose bytes the socket has not taken; they are told when the link ends, whatever `ws` does. */
  readonly #unwritten = new Set<(error: Error) => void>();
  #listener: LinkListener | undefined;
  #failure: { reason: string; retryAfterMs?: number } | undefined;

  /** @throws {Error} when `ws` refuses the options. */
  constructor({ url, silenceTimeoutMs, webSocket, clock }: LinkOptions, listener: LinkListener) {
    this.#clock = clock;
    this.#listener = listener;
    // Compression is off: its buffers cost more memory than these short frames could save.
    const socket = new WebSocket(url, { perMessageDeflate: false, maxPayload: LONGEST_FRAME_BYTES, ...webSocket });
    this.#socket = socket;
    this.#watch = new SilenceWatch(
      clock,
      silenceTimeoutMs,
      () => socket.ping(),
      () => this.#listener?.silent(),
    );
    socket.on("open", () => {
      if (this.#listener === undefined) return;
      this.#watch.start();
      this.#listener.opened();
    });
    socket.on("message", (data, isBinary) => {
      this.#watch.heard();
      if (isBinary) this.#listener?.binary();
      else this.#listener?.text(data.toString());
    });
    socket.on("ping", () => this.#watch.heard());
    socket.on("pong", () => this.#watch.heard());
    socket.on("unexpected-response", (request, response) => {
      this.#failure = refusal(response, clock.now());
      request.destroy();
      this.#finish({ code: 1006, ...this.#failure });
    });
    // `close` follows every error; without a listener an error would end the process.
    socket.on("error", (error) => {
      this.#failure ??= { reason: "code" in error ? String(error.code) : error.message };
    });
    socket.on("close", (code, reason) => {
      const words = reason.toString();
      this.#finish({ code, reason: words === "" ? "connection_closed" : words, ...this.#failure });
    });
  }

  /** Bytes that wait for the network. */
  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  /** Resolves when the bytes were given to the network; rejects when the link ended before. */
  send(frame: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#unwritten.add(reject);
      this.#socket.send(frame, (error) => {
        this.#unwritten.delete(reject);
        if (error) reject(error);
        else resolve();
      });
    });
  }

  /** Ends the link at once. */
  drop(): void {
    this.#silence();
    this.#socket.terminate();
  }

  /** Ends the link politely. Resolves when the socket is gone. */
  close(): Promise<void> {
    this.#silence();
    if (this.#socket.readyState === WebSocket.CLOSED) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#clock.after(CLOSE_TIMEOUT_MS, () => this.#socket.terminate(), true);
      this.#socket.once("close", () => {
        cancel();
        resolve();
      });
      this.#socket.close(1000);
    });
  }

  #finish(end: LinkEnd): void {
    const listener = this.#listener;
    this.#silence();
    listener?.ended(end);
  }

  #silence(): void {
    this.#listener = undefined;
    this.#watch.stop();
    for (const reject of this.#unwritten) reject(new Error("the connection ended"));
    this.#unwritten.clear();
  }
}

function refusal(response: IncomingMessage, now: number): { reason: string; retryAfterMs?: number } {
  const reason = `HTTP ${response.statusCode ?? 0}`;
  const asked = retryAfterMs(response.headers["retry-after"], now);
  return asked === undefined ? { reason } : { reason, retryAfterMs: asked };
}
