import type { FollowerSocket, Outgoing, SocketEvents } from "./followerSocket.ts";
import { LeanSocket } from "./leanSocket.ts";
import { nowUs } from "./monotonicClock.ts";
import { inLanes } from "./pace.ts";
import { quantile } from "./statistics.ts";
import { WholeSocket } from "./wholeSocket.ts";

export type Client = "lean" | "whole";

/** The lean client unless told, which alone asks for a subprotocol. */
export interface Connecting {
  readonly client?: Client;
  readonly subprotocol?: string;
}

/** What a connection sends, one after the other, each after an answer to the one before. Without `outgoing` it only waits. */
export type Exchange = readonly { readonly outgoing?: Outgoing; readonly answer: string | Buffer }[];

export interface OpeningSummary {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
}

/** The generator's sockets: opens them with an exchange, holds them, and tells what happens to them afterwards. */
export class ConnectionPool {
  readonly #held = new Map<number, FollowerSocket>();
  #emptied: () => void = () => undefined;
  onMessage: (index: number, payload: Buffer) => void = () => undefined;
  onLost: (index: number) => void = () => undefined;

  get size(): number {
    return this.#held.size;
  }

  /** Opens one connection and completes its exchange. @throws {Error} when it ends before. */
  async open(url: string, index: number, exchange: Exchange, how: Connecting = {}): Promise<void> {
    let step = 0;
    await new Promise<void>((resolve, reject) => {
      const events: SocketEvents = {
        onOpen: () => {
          const first = exchange[0]?.outgoing;
          if (first !== undefined) socket.send(first);
        },
        onPayload: (payload) => {
          if (step >= exchange.length) {
            this.onMessage(index, payload);
            return;
          }
          if (!payload.includes(exchange[step]?.answer ?? "")) {
            reject(new Error(`unexpected answer: ${payload.toString("utf8")}`));
            socket.destroy();
            return;
          }
          const next = exchange[++step]?.outgoing;
          if (next !== undefined) socket.send(next);
          if (step < exchange.length) return;
          this.#held.set(index, socket);
          resolve();
        },
        onEnd: (code) => {
          reject(new Error(`the connection ended: ${code ?? "lost"}`));
          if (this.#held.get(index) !== socket) return;
          this.#held.delete(index);
          if (this.#held.size === 0) this.#emptied();
          this.onLost(index);
        },
      };
      const socket =
        how.client === "whole" ? new WholeSocket(url, events) : new LeanSocket(url, events, how.subprotocol);
    });
  }

  /** Opens many, so many at a time, and takes the time from the first connect to the last answer. */
  async openAll(
    urlOf: (index: number) => string,
    exchanges: readonly Exchange[],
    options: Connecting & { readonly from: number; readonly atATime: number },
  ): Promise<OpeningSummary> {
    const times: number[] = [];
    let failed = 0;
    const startedUs = nowUs();
    await inLanes(exchanges.length, options.atATime, async (position) => {
      const index = options.from + position;
      const beganUs = nowUs();
      try {
        await this.open(urlOf(index), index, exchanges[position] ?? [], options);
        times.push((nowUs() - beganUs) / 1000);
      } catch {
        failed += 1;
      }
    });
    const seconds = (nowUs() - startedUs) / 1e6;
    return { perSecond: times.length / seconds, p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99), failed };
  }

  send(index: number, text: Outgoing): void {
    this.#held.get(index)?.send(text);
  }

  /** Drops all connections and waits until they are gone. */
  async release(): Promise<void> {
    this.onLost = () => undefined;
    if (this.#held.size === 0) return;
    const emptied = new Promise<void>((resolve) => {
      this.#emptied = resolve;
    });
    for (const socket of this.#held.values()) socket.destroy();
    await emptied;
  }
}
