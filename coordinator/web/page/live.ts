import {
  type FeedEvent,
  LIVE_CLOSE,
  type LiveMessage,
  type Sample,
  type SessionInfo,
  type ViewRequest,
} from "../liveMessages.ts";
import { type ViewState, withChanges } from "../viewState.ts";
import { Refused, readSession } from "./api.ts";

/** What the page knows now. */
export interface Known {
  readonly link: "connecting" | "live" | "lost" | "signedOut";
  readonly session: SessionInfo | undefined;
  /** Why what is shown is old. */
  readonly trouble: string | undefined;
  /** Redis time less the browser's (ms). */
  readonly clockOffset: number;
  readonly pairings: number;
  /** What came last, and for which view: another one may be asked for by now. */
  readonly shown: { readonly request: ViewRequest; readonly state: ViewState } | undefined;
  readonly samples: readonly Sample[];
  /** Newest first. */
  readonly events: readonly FeedEvent[];
  readonly missed: number;
}

const SAMPLES = 180;
const EVENTS = 200;
/** A coordinator says something every second; one that is silent for so long is gone (ms). */
const SILENCE_MS = 8_000;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 10_000;

/** The page's link to a coordinator: it comes back by itself, and asks again for what is shown. */
export class Live {
  known: Known;
  readonly #changed: () => void;
  #socket: WebSocket | undefined;
  #request: ViewRequest | undefined;
  #watch = 0;
  #retryMs = FIRST_RETRY_MS;
  #timer: number | undefined;

  constructor(changed: () => void) {
    this.#changed = changed;
    this.known = {
      ...{ link: "connecting", session: undefined, trouble: undefined, clockOffset: 0, pairings: 0, shown: undefined },
      ...{ samples: [], events: [], missed: 0 },
    };
  }

  /** Opens the link for a session that was just made, or for the one that the browser has. */
  async start(session?: SessionInfo): Promise<void> {
    clearTimeout(this.#timer);
    try {
      this.#set({ session: session ?? (await readSession()) });
      this.#open();
    } catch (error) {
      if (error instanceof Refused && error.status === 401) this.#set({ link: "signedOut", session: undefined });
      else this.#retry();
    }
  }

  /** What is to be shown from now on. */
  watch(request: ViewRequest): void {
    this.#request = request;
    this.#watch += 1;
    this.#ask();
  }

  #open(): void {
    const url = new URL("live", location.href.split("#")[0]);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url);
    this.#socket = socket;
    this.#expectWord(socket);
    socket.addEventListener("open", () => this.#ask());
    socket.addEventListener("message", ({ data }) => {
      if (this.#socket !== socket) return;
      this.#expectWord(socket);
      this.#hear(JSON.parse(String(data)) as LiveMessage);
    });
    socket.addEventListener("close", ({ code }) => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      if (code === LIVE_CLOSE.signedOut) this.#set({ link: "signedOut", session: undefined });
      else this.#retry();
    });
  }

  #expectWord(socket: WebSocket): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      // Its closing handshake may never end: it counts as closed now.
      this.#socket = undefined;
      socket.close();
      this.#retry();
    }, SILENCE_MS);
  }

  #retry(): void {
    clearTimeout(this.#timer);
    this.#set({ link: "lost" });
    this.#timer = setTimeout(() => void this.start(), this.#retryMs * (0.5 + Math.random() / 2));
    this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS);
  }

  #ask(): void {
    if (this.#socket?.readyState !== WebSocket.OPEN || this.#request === undefined) return;
    this.#socket.send(JSON.stringify({ watch: this.#watch, request: this.#request }));
  }

  #hear(message: LiveMessage): void {
    switch (message.type) {
      case "tick":
        this.#retryMs = FIRST_RETRY_MS;
        if (message.trouble !== undefined) this.#set({ link: "live", trouble: message.trouble });
        else {
          const { now, pairings } = message;
          this.#set({ link: "live", trouble: undefined, clockOffset: now - Date.now(), pairings });
        }
        return;
      case "whole": {
        const request = this.#request;
        if (message.watch !== this.#watch || request === undefined) return;
        // The feed tells its events anew after each asking.
        this.#set({ shown: { request, state: message.state }, events: [], missed: 0 });
        return;
      }
      case "changes": {
        const { shown } = this.known;
        if (message.watch !== this.#watch || shown === undefined) return;
        this.#set({ shown: { ...shown, state: withChanges(shown.state, message.changes) } });
        return;
      }
      case "samples": {
        const samples = message.all ? message.samples : [...this.known.samples, ...message.samples];
        this.#set({ samples: samples.slice(-SAMPLES) });
        return;
      }
      case "events": {
        const events = [...message.events.toReversed(), ...this.known.events].slice(0, EVENTS);
        this.#set({ events, missed: this.known.missed + message.missed });
      }
    }
  }

  #set(changes: Partial<Known>): void {
    this.known = { ...this.known, ...changes };
    this.#changed();
  }
}
