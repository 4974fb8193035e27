import type { FollowerSettings } from "./followerOptions.ts";
import { Link, type LinkListener } from "./link.ts";

/** The links of a follower to its nodes, one at a time and each to the next URL. */
export class Links {
  readonly #settings: FollowerSettings;
  readonly #listener: LinkListener;
  #current: Link | undefined;
  #opened = 0;

  constructor(settings: FollowerSettings, listener: LinkListener) {
    this.#settings = settings;
    this.#listener = {
      ...listener,
      ended: (end) => {
        this.#current = undefined;
        listener.ended(end);
      },
    };
  }

  /** Bytes that wait for the network. */
  get bufferedBytes(): number {
    return this.#current?.bufferedBytes ?? 0;
  }

  open(): void {
    const { urls, silenceTimeoutMs, webSocketOptions, clock } = this.#settings;
    const url = urls[this.#opened++ % urls.length] ?? urls[0];
    try {
      this.#current = new Link({ url, silenceTimeoutMs, webSocket: webSocketOptions, clock }, this.#listener);
    } catch (error) {
      const reason = error instanceof Error ? error.message : "the socket could not be made";
      this.#listener.ended({ code: 1006, reason });
    }
  }

  /** Writes on the link that is open when it is called. Rejects when there is none, or when it ended before the bytes were written. */
  send(frame: string): Promise<void> {
    return this.#current?.send(frame) ?? Promise.reject(new Error("there is no connection"));
  }

  /** A frame that is not written any more needs no word: the end of its link is told. */
  write(frame: string): void {
    this.#current?.send(frame).catch(() => undefined);
  }

  /** Writes like `write`, but only when the link of now is still the one when `ready` has resolved. */
  writeAfter(ready: Promise<void>, frame: () => string): void {
    const link = this.#current;
    ready.then(() => link?.send(frame())).catch(() => undefined);
  }

  /** Ends the link at once; nothing more is heard of it. */
  drop(): void {
    this.#take()?.drop();
  }

  /** Ends the link politely. Resolves when the socket is gone. */
  async close(): Promise<void> {
    await this.#take()?.close();
  }

  #take(): Link | undefined {
    const link = this.#current;
    this.#current = undefined;
    return link;
  }
}
